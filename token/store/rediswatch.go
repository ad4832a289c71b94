package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// Watch implements [token.Store]. A server with client-side caching (RESP3, Redis 6
// and later) reports every change under the prefix, whoever made it, this store
// included. With any other server, and with a cluster, Watch subscribes to the
// messages that replicas publish. If the server allows neither, it returns nil.
func (r *Redis) Watch(ctx context.Context, changed func(name string)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	found := newChanges()
	done := make(chan struct{})
	go func() {
		defer close(done)
		found.deliver(ctx, changed)
	}()
	defer func() {
		cancel()
		<-done
	}()
	listen := r.track
	for wait := 50 * time.Millisecond; ; {
		began := time.Now()
		err := r.with(ctx, func(ctx context.Context, c rueidis.Client) error { return listen(ctx, c, found) })
		switch {
		case ctx.Err() != nil:
			if r.ctx.Err() != nil {
				return errClosed
			}
			return ctx.Err()
		case errors.Is(err, errCannotTrack):
			listen = r.subscribe
			continue
		case errors.Is(err, errCannotSubscribe):
			return nil
		}
		if time.Since(began) > time.Second {
			wait = 50 * time.Millisecond
		}
		if !sleep(ctx, wait) {
			continue
		}
		wait = min(2*wait, time.Second)
	}
}

var (
	errCannotTrack     = errors.New("the server has no client-side caching")
	errCannotSubscribe = errors.New("the server does not allow subscriptions")
)

// track listens on its own connection to the changes under the prefix that the
// server reports, until that connection breaks.
func (r *Redis) track(ctx context.Context, c rueidis.Client, found *changes) error {
	if c.Mode() == rueidis.ClientModeCluster {
		return errCannotTrack // each node reports its own keys only
	}
	d, _ := c.Dedicate()
	defer d.Close()
	begin, cancel := context.WithTimeout(ctx, r.option.Dialer.Timeout+r.option.ConnWriteTimeout)
	defer cancel()
	if err := checkRESP3(begin, d); err != nil {
		return err
	}
	broken := d.SetOnInvalidations(func(keys []rueidis.RedisMessage) { r.addKeys(keys, found) })
	err := d.Do(begin, d.B().Arbitrary("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX").Args(r.prefix+":{").Build()).Error()
	switch {
	case unsupported(err):
		return errCannotTrack
	case err != nil:
		return err
	}
	found.add("")
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-broken:
		return err
	}
}

// addKeys adds the records of the keys that the server says have changed. No keys
// means that all were deleted, or that the connection is gone.
func (r *Redis) addKeys(keys []rueidis.RedisMessage, found *changes) {
	if len(keys) == 0 {
		found.add("")
	}
	for _, m := range keys {
		if key, err := m.ToString(); err == nil {
			if name, ok := r.nameOf(key); ok {
				found.add(name)
			}
		}
	}
}

// checkRESP3 returns an error unless d's connection speaks RESP3: the server cannot
// push messages into any other.
func checkRESP3(ctx context.Context, d rueidis.DedicatedClient) error {
	hello, err := d.Do(ctx, d.B().Arbitrary("HELLO").Build()).AsMap()
	switch {
	case unsupported(err):
		return errCannotTrack
	case err != nil:
		return err
	}
	proto := hello["proto"]
	if version, err := proto.AsInt64(); err != nil || version < 3 {
		return errCannotTrack
	}
	return nil
}

// subscribe listens to what other replicas publish. The client subscribes again by
// itself after the connection was lost.
func (r *Redis) subscribe(ctx context.Context, c rueidis.Client, found *changes) error {
	ctx = rueidis.WithOnSubscriptionHook(ctx, func(rueidis.PubSubSubscription) { found.add("") })
	err := c.Receive(ctx, c.B().Subscribe().Channel(r.channel()).Build(), func(m rueidis.PubSubMessage) {
		if id, name, ok := strings.Cut(m.Message, " "); ok && id != r.id {
			found.add(name)
		}
	})
	if unsupported(err) {
		return errCannotSubscribe
	}
	return err
}

// unsupported reports whether the server does not know a command, or does not
// allow it: asking again will not help.
func unsupported(err error) bool {
	var said *rueidis.RedisError
	if !errors.As(err, &said) {
		return false
	}
	text := strings.TrimPrefix(strings.ToUpper(said.Error()), "ERR ")
	return strings.HasPrefix(text, "NOPERM") || strings.HasPrefix(text, "UNKNOWN") || strings.HasPrefix(text, "SYNTAX")
}

// maxNames is how many changed records are named one by one; if there are more,
// any may have changed.
const maxNames = 256

// changes collects the names of changed records for one watcher, so that nobody
// has to wait for the watcher.
type changes struct {
	mu    sync.Mutex
	names map[string]struct{}
	added chan struct{}
}

func newChanges() *changes {
	return &changes{names: map[string]struct{}{}, added: make(chan struct{}, 1)}
}

// add notes that the record name has changed; "" that any may have.
func (c *changes) add(name string) {
	c.mu.Lock()
	if _, all := c.names[""]; !all {
		if name == "" || len(c.names) >= maxNames {
			clear(c.names)
			name = ""
		}
		c.names[name] = struct{}{}
	}
	c.mu.Unlock()
	select {
	case c.added <- struct{}{}:
	default:
	}
}

// take returns what was added since the last take.
func (c *changes) take() map[string]struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := c.names
	c.names = map[string]struct{}{}
	return names
}

// deliver calls changed with each name until ctx ends.
func (c *changes) deliver(ctx context.Context, changed func(name string)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.added:
		}
		for name := range c.take() {
			changed(name)
		}
	}
}
