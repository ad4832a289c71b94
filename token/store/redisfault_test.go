package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store/redistest"
)

// fails wants every operation of s to end with an error that is the store's
// trouble, no later than the test's patience: ctx is short.
func fails(t *testing.T, what string, s token.Store) {
	t.Helper()
	for op, do := range map[string]func(ctx context.Context) error{
		"Load":    func(ctx context.Context) error { _, err := s.Load(ctx, "shop"); return err },
		"Save":    func(ctx context.Context) error { return s.Save(ctx, "shop", record(1<<62, "x")) },
		"Delete":  func(ctx context.Context) error { return s.Delete(ctx, "shop") },
		"TryLock": func(ctx context.Context) error { _, err := s.TryLock(ctx, "shop", time.Minute); return err },
		"Load without a deadline": func(context.Context) error {
			_, err := s.Load(context.Background(), "shop")
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		ended := make(chan error, 1)
		go func() { ended <- do(ctx) }()
		select {
		case err := <-ended:
			if err == nil || errors.Is(err, token.ErrNotFound) || errors.Is(err, token.ErrLocked) || errors.Is(err, token.ErrStale) {
				t.Errorf("%s: %s says %v", what, op, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: %s hangs", what, op)
		}
		cancel()
	}
}

// recovers wants s to work again by itself.
func recovers(t *testing.T, s token.Store) {
	t.Helper()
	gen := uint64(1)
	eventually(t, "the store works again", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		gen++
		if s.Save(ctx, "recovered", record(gen, "x")) != nil {
			return false
		}
		_, err := s.Load(ctx, "recovered")
		return err == nil
	})
}

func TestRedisDownAtTheStart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	s.Kill()
	r := openRedis(t, s.URL, quiet(t))
	fails(t, "down at the start", r)
	heard := watch(t, r)
	s.Restart()
	recovers(t, r)
	hear(t, heard, "")
}

func TestRedisPaused(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r, other := openRedis(t, s.URL, quiet(t)), openRedis(t, s.URL, quiet(t))
	heard := watch(t, r)
	hear(t, heard, "")
	recovers(t, r)
	s.Stop()
	fails(t, "paused", r)
	s.Cont()
	recovers(t, r)
	recovers(t, other)
	hear(t, heard, "recovered")
}

// What Redis is asked while it is paused it does when it goes on: a lock that
// nobody waits for any more must not keep others out for all its life.
func TestRedisPausedWhileALockIsTaken(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r, other := openRedis(t, s.URL, quiet(t)), openRedis(t, s.URL, quiet(t))
	recovers(t, r)
	recovers(t, other)
	s.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := r.TryLock(ctx, "shop", time.Hour); err == nil || errors.Is(err, token.ErrLocked) {
		t.Fatalf("TryLock says %v", err)
	}
	s.Cont()
	recovers(t, r) // and gives the lock back
	eventually(t, "the other can take the lock", func() bool {
		_, err := other.TryLock(patient(t), "shop", time.Minute)
		return err == nil
	})
}

func TestRedisPausedAtTheStart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	s.Stop()
	r := openRedis(t, s.URL, quiet(t))
	fails(t, "paused at the start", r)
	s.Cont()
	recovers(t, r)
}

func TestRedisKilledAndStartedAgainEmpty(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"", "?protocol=2"} {
		s := redistest.Start(t)
		r, other := openRedis(t, s.URL+query, quiet(t)), openRedis(t, s.URL+query, quiet(t))
		heard := watch(t, r)
		hear(t, heard, "")
		if err := r.Save(patient(t), "shop", record(5, "x")); err != nil {
			t.Fatal(err)
		}
		s.Kill()
		fails(t, "killed", r)
		drain(heard)
		s.Restart()
		recovers(t, r)
		recovers(t, other)
		hear(t, heard, "")
		if _, err := r.Load(patient(t), "shop"); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("after it was emptied: %v", err)
		}
		if err := r.Save(patient(t), "shop", record(4, "x")); err != nil {
			t.Errorf("after it was emptied: %v", err)
		}
		listens(t, heard, other)
	}
}

// drain forgets what was heard so far.
func drain(heard <-chan string) {
	for {
		select {
		case <-heard:
		default:
			return
		}
	}
}

// listens wants a watcher to hear of what other writes, by name.
func listens(t *testing.T, heard <-chan string, other token.Store) {
	t.Helper()
	gen := uint64(0)
	eventually(t, "the watcher hears by name", func() bool {
		gen++
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if other.Save(ctx, "listens", record(gen, "x")) != nil {
			return false
		}
		for {
			select {
			case name := <-heard:
				if name == "listens" {
					return true
				}
			case <-ctx.Done():
				return false
			}
		}
	})
}

func TestRedisThroughABadNetwork(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"", "?protocol=2"} {
		s := redistest.Start(t)
		p := newFaultProxy(t, s.Addr)
		r, other := openRedis(t, "redis://"+p.addr+query, quiet(t)), openRedis(t, s.URL, quiet(t))
		heard := watch(t, r)
		hear(t, heard, "")
		recovers(t, r)

		p.reset()
		recovers(t, r)
		listens(t, heard, other)

		p.set(300*time.Millisecond, false)
		fails(t, "slow", r)
		p.set(0, false)
		recovers(t, r)
		listens(t, heard, other)

		p.set(0, true)
		fails(t, "half-open", r)
		p.set(0, false) // what was sent meanwhile is lost, and connections that wait for it are given up
		recovers(t, r)
		listens(t, heard, other)
	}
}

func TestRedisClosed(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	for _, down := range []bool{false, true} {
		if down {
			s.Stop()
		}
		r, err := NewRedis(patient(t), s.URL, RedisOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- r.Watch(context.Background(), func(string) {}) }()
		for range 2 {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		fails(t, "closed", r)
		select {
		case err := <-ended:
			if !errors.Is(err, errClosed) {
				t.Errorf("Watch says %v", err)
			}
		case <-patient(t).Done():
			t.Error("Watch goes on")
		}
	}
	s.Cont()
}

func TestRedisSentinel(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t)
	host, port, _ := strings.Cut(primary.Addr, ":")
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	sentinel := redistest.StartSentinel(t, primary, 500*time.Millisecond)
	eventually(t, "the replica follows", func() bool {
		return primary.Command(t, "WAIT", "1", "10") == ":1"
	})
	url := fmt.Sprintf("redis://%s?master_set=main", sentinel.Addr)
	r, other := openRedis(t, url, quiet(t)), openRedis(t, url, quiet(t))
	heard := watch(t, r)
	hear(t, heard, "")
	if err := r.Save(patient(t), "shop", record(7, "x")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replica has it", func() bool {
		return replica.Command(t, "EXISTS", "wtp:{shop}") == ":1"
	})
	eventually(t, "the sentinel knows the replica", func() bool {
		return strings.HasPrefix(sentinel.Command(t, "SENTINEL", "REPLICAS", "main"), "*1")
	})
	primary.Kill()
	limit := time.Now().Add(30 * time.Second)
	for gen := uint64(100); ; gen++ {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		err := r.Save(ctx, "after", record(gen, "y"))
		cancel()
		if err == nil {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("no failover: %v", err)
		}
	}
	if rec, err := r.Load(patient(t), "shop"); err != nil || rec.Gen != 7 {
		t.Errorf("after the failover: %+v, %v", rec, err)
	}
	if role := replica.Command(t, "ROLE"); role != "*3" {
		t.Errorf("ROLE %s", role)
	}
	recovers(t, other)
	listens(t, heard, other)
}
