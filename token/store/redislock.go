package store

import (
	"context"
	"crypto/rand"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// redisLock is a key that holds its owner and ends by itself.
type redisLock struct {
	r     *Redis
	key   string
	owner string
}

// TryLock implements [token.Store].
func (r *Redis) TryLock(ctx context.Context, name string, ttl time.Duration) (token.Lock, error) {
	l := &redisLock{r: r, key: r.lockKey(name), owner: rand.Text()}
	sent := false
	err := r.do(ctx, "lock", func(ctx context.Context, c rueidis.Client) error {
		err := c.Do(ctx, c.B().Set().Key(l.key).Value(l.owner).Nx().PxMilliseconds(millis(ttl)).Build()).Error()
		if rueidis.IsRedisNil(err) {
			return token.ErrLocked
		}
		_, said := rueidis.IsRedisErr(err)
		sent = err != nil && !said
		return err
	})
	if sent {
		r.remember(l)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// mostUnanswered is how many locks are remembered to be given back.
const mostUnanswered = 64

// remember keeps in mind a lock that was asked for and not answered: a server
// that is paused gives it when it goes on, and nobody would give it back.
func (r *Redis) remember(l *redisLock) {
	r.lostMu.Lock()
	defer r.lostMu.Unlock()
	if len(r.lost) < mostUnanswered {
		r.lost = append(r.lost, l)
	}
}

// giveBack gives such locks back. It is called when the server has answered.
func (r *Redis) giveBack(ctx context.Context) {
	r.lostMu.Lock()
	lost := r.lost
	r.lost = nil
	r.lostMu.Unlock()
	for i, l := range lost {
		if r.with(ctx, l.unlock) == nil {
			continue
		}
		for _, l := range lost[i:] {
			r.remember(l)
		}
		return
	}
}

func millis(d time.Duration) int64 { return max(1, d.Milliseconds()) }

var (
	extendScript = rueidis.NewLuaScript(`
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)
	unlockScript = rueidis.NewLuaScript(`
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)
)

// Extend implements [token.Lock].
func (l *redisLock) Extend(ctx context.Context, ttl time.Duration) error {
	return l.r.do(ctx, "extend a lock", func(ctx context.Context, c rueidis.Client) error {
		held, err := extendScript.Exec(ctx, c, []string{l.key}, []string{l.owner, strconv.FormatInt(millis(ttl), 10)}).AsInt64()
		if err == nil && held == 0 {
			return token.ErrLocked
		}
		return err
	})
}

// Unlock implements [token.Lock].
func (l *redisLock) Unlock(ctx context.Context) error {
	return l.r.do(ctx, "give a lock back", l.unlock)
}

func (l *redisLock) unlock(ctx context.Context, c rueidis.Client) error {
	return unlockScript.Exec(ctx, c, []string{l.key}, []string{l.owner}).Error()
}
