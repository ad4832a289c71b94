package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Watch implements [token.Store]. A server that knows client-side caching
// (RESP3, Redis 6 and later) tells of every change under the prefix, whoever
// made it and this store's own too; of any other server, and of a cluster,
// the replicas' own messages are listened to. Where the server lets us do
// neither, Watch returns nil.
func (r *Redis) Watch(ctx context.Context, changed func(name string)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	n := newNews()
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.deliver(ctx, changed)
	}()
	defer func() {
		cancel()
		<-done
	}()
	listen := r.track
	for wait := 50 * time.Millisecond; ; {
		began := time.Now()
		err := r.with(ctx, func(ctx context.Context, c rueidis.Client) error { return listen(ctx, c, n) })
		switch {
		case ctx.Err() != nil:
			if r.ctx.Err() != nil {
				return errClosed
			}
			return ctx.Err()
		case errors.Is(err, errCannotTrack):
			listen = r.subscribe
			continue
		case errors.Is(err, errCannotTell):
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
	errCannotTrack = errors.New("the server has no client-side caching")
	errCannotTell  = errors.New("the server has no messages")
)

// track listens on a connection of its own to what the server says has changed
// under the prefix, until that connection breaks.
func (r *Redis) track(ctx context.Context, c rueidis.Client, n *news) error {
	if c.Mode() == rueidis.ClientModeCluster {
		return errCannotTrack // each node tells of its own keys only
	}
	d, _ := c.Dedicate()
	defer d.Close()
	begin, cancel := context.WithTimeout(ctx, r.option.Dialer.Timeout+r.option.ConnWriteTimeout)
	defer cancel()
	if err := speaksRESP3(begin, d); err != nil {
		return err
	}
	broken := d.SetOnInvalidations(func(keys []rueidis.RedisMessage) { r.hear(keys, n) })
	err := d.Do(begin, d.B().Arbitrary("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX").Args(r.prefix+":{").Build()).Error()
	switch {
	case unable(err):
		return errCannotTrack
	case err != nil:
		return err
	}
	n.add("")
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-broken:
		return err
	}
}

// hear makes news of the keys that the server says have changed; of none when
// all were, or when the connection is gone.
func (r *Redis) hear(keys []rueidis.RedisMessage, n *news) {
	if len(keys) == 0 {
		n.add("")
	}
	for _, m := range keys {
		if key, err := m.ToString(); err == nil {
			if name, ok := r.nameOf(key); ok {
				n.add(name)
			}
		}
	}
}

// speaksRESP3 asks for the protocol of d's connection: without RESP3 it cannot
// carry what the server says of its own accord.
func speaksRESP3(ctx context.Context, d rueidis.DedicatedClient) error {
	hello, err := d.Do(ctx, d.B().Arbitrary("HELLO").Build()).AsMap()
	switch {
	case unable(err):
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

// subscribe listens to what the other replicas say. The client subscribes
// again by itself when the connection was lost.
func (r *Redis) subscribe(ctx context.Context, c rueidis.Client, n *news) error {
	ctx = rueidis.WithOnSubscriptionHook(ctx, func(rueidis.PubSubSubscription) { n.add("") })
	err := c.Receive(ctx, c.B().Subscribe().Channel(r.channel()).Build(), func(m rueidis.PubSubMessage) {
		if id, name, ok := strings.Cut(m.Message, " "); ok && id != r.id {
			n.add(name)
		}
	})
	if unable(err) {
		return errCannotTell
	}
	return err
}

// unable reports whether the server said that it does not know a command, or
// that we may not use it: asking again will not help.
func unable(err error) bool {
	var said *rueidis.RedisError
	if !errors.As(err, &said) {
		return false
	}
	text := strings.TrimPrefix(strings.ToUpper(said.Error()), "ERR ")
	return strings.HasPrefix(text, "NOPERM") || strings.HasPrefix(text, "UNKNOWN") || strings.HasPrefix(text, "SYNTAX")
}
