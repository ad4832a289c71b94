package store

import (
	"context"
	"crypto/rand"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// redisLock is a key whose value is its owner, and that expires by itself.
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

// maxUnanswered is how many unanswered locks are remembered.
const maxUnanswered = 64

// remember notes a lock that was asked for, and not answered: a server that is
// paused grants it when it goes on, and nobody would release it.
func (r *Redis) remember(l *redisLock) {
	r.unansweredMu.Lock()
	defer r.unansweredMu.Unlock()
	if len(r.unanswered) < maxUnanswered {
		r.unanswered = append(r.unanswered, l)
	}
}

// releaseUnanswered releases such locks. It is called when the server has answered.
func (r *Redis) releaseUnanswered(ctx context.Context) {
	r.unansweredMu.Lock()
	locks := r.unanswered
	r.unanswered = nil
	r.unansweredMu.Unlock()
	for i, l := range locks {
		if r.with(ctx, l.unlock) == nil {
			continue
		}
		for _, l := range locks[i:] {
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
	return l.r.do(ctx, "release a lock", l.unlock)
}

func (l *redisLock) unlock(ctx context.Context, c rueidis.Client) error {
	return unlockScript.Exec(ctx, c, []string{l.key}, []string{l.owner}).Error()
}
