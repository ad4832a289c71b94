package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// RedisOptions are the settings of a [Redis]. The zero value is ready for use.
type RedisOptions struct {
	// Prefix begins the name of every key. If empty, "wtp".
	Prefix string
	// Warn is called for damaged records. If nil, they are replaced silently.
	Warn Warn
}

const (
	opTimeout   = 200 * time.Millisecond // of an operation whose context has no deadline
	dialTimeout = time.Second
	pingTimeout = time.Second // after which a silent connection is given up
	startWait   = time.Second // how long NewRedis waits for the first connection
)

// Redis is a [token.Store] in a Redis server, a cluster, or a primary watched
// by sentinels. While it cannot be reached, every operation fails at once or
// when its context ends, after 200 ms if that has no deadline; the store reconnects
// in the background.
//
// Keys are "wtp:{name}" for records and "wtp-lock:{name}" for locks, with
// braces and percent signs in names escaped. They never hold a secret.
type Redis struct {
	option rueidis.ClientOption
	clean  func(error) error
	warn   Warn
	id     string // of this store among those that share the server
	prefix string

	client atomic.Pointer[rueidis.Client] // nil: not connected yet
	failed atomic.Pointer[error]          // of the last attempt to connect
	tried  chan struct{}                  // closed after the first attempt
	ctx    context.Context
	stop   context.CancelFunc
	ended  chan struct{} // closed when the connecting goroutine has ended

	unansweredMu sync.Mutex
	unanswered   []*redisLock // asked for, and not answered
}

var _ token.Store = (*Redis)(nil)

// NewRedis returns the store at rawURL:
//
//	redis://user:password@host:6379/0             one server, or a cluster
//	redis://host:26379?addr=host2:26379&master_set=mymaster   sentinels
//	rediss://…                                    either with TLS
//	unix:///run/redis.sock?db=0
//
// It waits for the server until ctx ends, and for a second at most. A server that
// is down is no error: the store connects when it comes up. The error is that
// rawURL is invalid, and does not quote it.
func NewRedis(ctx context.Context, rawURL string, o RedisOptions) (*Redis, error) {
	option, clean, err := parseRedisURL(rawURL)
	if err != nil {
		return nil, err
	}
	r := &Redis{
		option: option, clean: clean, warn: o.Warn, id: rand.Text(), prefix: cmp.Or(o.Prefix, "wtp"),
		tried: make(chan struct{}), ended: make(chan struct{}),
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	go r.connect()
	wait := time.NewTimer(startWait)
	defer wait.Stop()
	select {
	case <-r.tried:
	case <-ctx.Done():
	case <-wait.C:
	}
	return r, nil
}

// connect tries to make the client until it succeeds. The client reconnects by
// itself.
func (r *Redis) connect() {
	defer close(r.ended)
	for wait, first := 100*time.Millisecond, true; ; wait, first = min(2*wait, 2*time.Second), false {
		c, err := rueidis.NewClient(r.option)
		if err == nil {
			r.client.Store(&c)
		} else {
			err = r.clean(err)
			r.failed.Store(&err)
		}
		if first {
			close(r.tried)
		}
		if err == nil || !sleep(r.ctx, wait) {
			return
		}
	}
}

// sleep waits for d and reports whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Close ends the connections. Operations under way fail.
func (r *Redis) Close() error {
	r.stop()
	<-r.ended
	if c := r.client.Swap(nil); c != nil {
		(*c).Close()
	}
	return nil
}

// do calls op with a client and a deadline. what names the operation in errors.
func (r *Redis) do(ctx context.Context, what string, op func(context.Context, rueidis.Client) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, opTimeout)
		defer cancel()
	}
	err := ctx.Err()
	if err == nil {
		err = r.with(ctx, op)
	}
	switch {
	case err == nil, errors.Is(err, token.ErrNotFound), errors.Is(err, token.ErrStale), errors.Is(err, token.ErrLocked):
		r.releaseUnanswered(ctx)
		return err
	}
	return fmt.Errorf("redis: %s: %w", what, r.clean(err))
}

func (r *Redis) with(ctx context.Context, op func(context.Context, rueidis.Client) error) error {
	if r.ctx.Err() != nil {
		return errClosed
	}
	c := r.client.Load()
	if c == nil {
		if p := r.failed.Load(); p != nil {
			return fmt.Errorf("not connected yet: %w", *p)
		}
		return errConnecting
	}
	return op(ctx, *c)
}

var (
	errClosed     = errors.New("the store is closed")
	errConnecting = errors.New("not connected yet")
)

// Load implements [token.Store].
func (r *Redis) Load(ctx context.Context, name string) (token.Record, error) {
	var rec token.Record
	err := r.do(ctx, "load", func(ctx context.Context, c rueidis.Client) error {
		value, err := c.Do(ctx, c.B().Get().Key(r.recordKey(name)).Build()).ToString()
		var said *rueidis.RedisError
		switch {
		case rueidis.IsRedisNil(err):
			return token.ErrNotFound
		case errors.As(err, &said) && strings.HasPrefix(said.Error(), "WRONGTYPE"):
			err = errForeign
		case err != nil:
			return err
		default:
			rec, err = decodeRedis(value)
		}
		if err != nil {
			r.warn.emit("damaged record in Redis, it will be replaced", fmt.Errorf("%s: %w", r.recordKey(name), err))
		}
		if err != nil || expired(rec, time.Now()) {
			return token.ErrNotFound
		}
		return nil
	})
	if err != nil {
		return token.Record{}, err
	}
	return rec, nil
}

// saveScript saves a value if its generation is newer than the stored one's, and
// tells the other replicas. The stored value may be another program's, of any type.
// A user who may not publish may still save.
var saveScript = rueidis.NewLuaScript(`
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' and string.sub(held, 1, 5) == 'wtp1 ' then
  local gen = string.sub(held, 6, 25)
  if #gen == 20 and not string.find(gen, '%D') and gen >= ARGV[1] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then redis.call('PEXPIREAT', KEYS[1], ARGV[3]) end
redis.pcall('PUBLISH', ARGV[4], ARGV[5])
return 1`)

// Save implements [token.Store].
func (r *Redis) Save(ctx context.Context, name string, rec token.Record) error {
	end := ""
	if !rec.ExpiresAt.IsZero() {
		end = strconv.FormatInt(rec.ExpiresAt.UnixMilli(), 10)
	}
	return r.do(ctx, "save", func(ctx context.Context, c rueidis.Client) error {
		kept, err := saveScript.Exec(ctx, c, []string{r.recordKey(name)}, []string{
			fmt.Sprintf("%0*d", genWidth, rec.Gen), encodeRedis(rec), end, r.channel(), r.id + " " + name,
		}).AsInt64()
		if err == nil && kept == 0 {
			return token.ErrStale
		}
		return err
	})
}

var deleteScript = rueidis.NewLuaScript(`
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[1], ARGV[2])
return 1`)

// Delete implements [token.Store].
func (r *Redis) Delete(ctx context.Context, name string) error {
	return r.do(ctx, "delete", func(ctx context.Context, c rueidis.Client) error {
		return deleteScript.Exec(ctx, c, []string{r.recordKey(name)}, []string{r.channel(), r.id + " " + name}).Error()
	})
}
