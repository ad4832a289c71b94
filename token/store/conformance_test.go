package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// conform holds a kind of store to what token.Store promises. open returns one
// more store on the same place each time it is called: as another process
// would have it, or the very same one where there can be no other.
func conform(t *testing.T, open func(t *testing.T) token.Store) {
	a, b := open(t), open(t)
	for _, c := range []struct {
		name string
		test func(t *testing.T, a, b token.Store)
	}{
		{"what is saved can be loaded", conformLoad},
		{"only a greater generation is taken", conformGenerations},
		{"of many writers the newest wins", conformRace},
		{"a record ends", conformEnd},
		{"any name will do", conformNames},
		{"what is deleted is gone", conformDelete},
		{"a lock has one owner", conformLock},
		{"a lock ends by itself", conformLockEnds},
		{"news travel", conformWatch},
		{"a context that has ended is obeyed", conformContext},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, a, b) })
	}
}

// patient is a context that ends the test rather than hang.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func record(gen uint64, data string) token.Record {
	return token.Record{Gen: gen, Data: []byte(data), ExpiresAt: time.Now().Add(time.Hour)}
}

func sameRecord(a, b token.Record) bool {
	return a.Gen == b.Gen && string(a.Data) == string(b.Data) && micros(a.ExpiresAt) == micros(b.ExpiresAt)
}

func conformLoad(t *testing.T, a, b token.Store) {
	ctx := patient(t)
	if _, err := a.Load(ctx, "load/none"); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("nothing saved: %v, want ErrNotFound", err)
	}
	for i, want := range []token.Record{
		record(1, "one"),
		record(math.MaxInt64+5, "two"),
		{Gen: 3, Data: []byte("no end")},
		{Gen: 4, Data: []byte("\x00\xff binary \r\n $"), ExpiresAt: time.Now().Add(time.Hour)},
		record(math.MaxUint64, ""),
	} {
		name := fmt.Sprintf("load/%d", i)
		if err := a.Save(ctx, name, want); err != nil {
			t.Fatal(err)
		}
		for who, s := range map[string]token.Store{"its writer": a, "another": b} {
			if got, err := s.Load(ctx, name); err != nil || !sameRecord(got, want) {
				t.Errorf("%s loads %+v, %v; want %+v", who, got, err, want)
			}
		}
	}
}

func conformGenerations(t *testing.T, a, b token.Store) {
	ctx := patient(t)
	for i, c := range []struct {
		held, next uint64
		taken      bool
	}{
		{5, 6, true}, {5, 5, false}, {5, 4, false}, {9, 10, true}, {10, 9, false},
		{1 << 53, 1<<53 + 1, true}, {1<<53 + 1, 1 << 53, false}, {math.MaxUint64 - 1, math.MaxUint64, true},
	} {
		name := fmt.Sprintf("gen/%d", i)
		if err := a.Save(ctx, name, record(c.held, "held")); err != nil {
			t.Fatal(err)
		}
		err := b.Save(ctx, name, record(c.next, "next"))
		if c.taken && err != nil || !c.taken && !errors.Is(err, token.ErrStale) {
			t.Errorf("%d after %d: %v", c.next, c.held, err)
		}
		want := map[bool]string{true: "next", false: "held"}[c.taken]
		if got, err := a.Load(ctx, name); err != nil || string(got.Data) != want {
			t.Errorf("%d after %d: %q is kept, %v", c.next, c.held, got.Data, err)
		}
	}
}

func conformRace(t *testing.T, a, b token.Store) {
	ctx := patient(t)
	var wg sync.WaitGroup
	for i, s := range []token.Store{a, b} {
		for j := range 2 {
			wg.Go(func() {
				for gen := uint64(1); gen <= 20; gen++ {
					err := s.Save(ctx, "race", record(gen*10+uint64(i*2+j), "x"))
					if err != nil && !errors.Is(err, token.ErrStale) {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	var last uint64
	for range 20 {
		if r, err := a.Load(ctx, "race"); err == nil && r.Gen < last {
			t.Errorf("generation %d came after %d", r.Gen, last)
		} else if err == nil {
			last = r.Gen
		}
	}
	wg.Wait()
	if r, err := b.Load(ctx, "race"); err != nil || r.Gen != 203 {
		t.Errorf("at last there is %d, %v; want 203", r.Gen, err)
	}
}

func conformEnd(t *testing.T, a, b token.Store) {
	ctx := patient(t)
	rec := record(7, "short")
	rec.ExpiresAt = time.Now().Add(-time.Second)
	if err := a.Save(ctx, "end", rec); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Load(ctx, "end"); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("an ended record: %v, want ErrNotFound", err)
	}
	if err := b.Save(ctx, "end", record(6, "older")); err != nil {
		t.Errorf("an ended record stands in the way: %v", err)
	}
}

func conformNames(t *testing.T, a, b token.Store) {
	ctx := patient(t)
	names := []string{
		"shop/wx123/access_token", "Shop/wx123/access_token", "shop/wx123/access_token/", "../../etc/passwd", "a", "a ", ".", "..",
		"{a}", "{", "}", "{}", "%7B", "a{b}c{d}", "商店/wx1/jsapi", "a:b*c?d[e]", `a\b"c'd`, "new\nline",
	}
	for i, name := range names {
		if err := a.Save(ctx, name, record(uint64(i+1), name)); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
	}
	for i, name := range names {
		if r, err := b.Load(ctx, name); err != nil || string(r.Data) != name || r.Gen != uint64(i+1) {
			t.Errorf("%q: %d %q, %v", name, r.Gen, r.Data, err)
		}
	}
}

func conformDelete(t *testing.T, a, b token.Store) {
	ctx := patient(t)
	if err := a.Delete(ctx, "delete"); err != nil {
		t.Errorf("deleting nothing: %v", err)
	}
	if err := a.Save(ctx, "delete", record(9, "x")); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(ctx, "delete"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Load(ctx, "delete"); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("after Delete: %v", err)
	}
	if err := a.Save(ctx, "delete", record(1, "y")); err != nil {
		t.Errorf("after Delete any generation will do: %v", err)
	}
}

func conformLock(t *testing.T, a, b token.Store) {
	ctx := patient(t)
	l, err := a.TryLock(ctx, "lock", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for who, s := range map[string]token.Store{"its owner": a, "another": b} {
		if _, err := s.TryLock(ctx, "lock", time.Minute); !errors.Is(err, token.ErrLocked) {
			t.Errorf("%s takes it again: %v, want ErrLocked", who, err)
		}
	}
	if other, err := b.TryLock(ctx, "lock/other", time.Minute); err != nil {
		t.Errorf("a lock of another name: %v", err)
	} else if err := other.Unlock(ctx); err != nil {
		t.Error(err)
	}
	if err := a.Save(ctx, "lock", record(1, "x")); err != nil {
		t.Errorf("a record of the lock's name: %v", err)
	}
	if err := l.Extend(ctx, time.Minute); err != nil {
		t.Errorf("extend: %v", err)
	}
	if err := l.Unlock(ctx); err != nil {
		t.Fatal(err)
	}
	next, err := b.TryLock(ctx, "lock", time.Minute)
	if err != nil {
		t.Fatalf("after Unlock: %v", err)
	}
	if err := l.Extend(ctx, time.Minute); !errors.Is(err, token.ErrLocked) {
		t.Errorf("extending what another holds: %v, want ErrLocked", err)
	}
	if err := l.Unlock(ctx); err != nil {
		t.Errorf("unlocking what another holds: %v", err)
	}
	if err := next.Extend(ctx, time.Minute); err != nil {
		t.Errorf("the new owner lost it to the old one's Unlock: %v", err)
	}
	if err := next.Unlock(ctx); err != nil {
		t.Error(err)
	}
}

func conformLockEnds(t *testing.T, a, b token.Store) {
	ctx := patient(t)
	l, err := a.TryLock(ctx, "lock/ends", time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	var next token.Lock
	eventually(t, "the lock ends", func() bool {
		next, err = b.TryLock(ctx, "lock/ends", time.Minute)
		return err == nil
	})
	if err := l.Extend(ctx, time.Minute); !errors.Is(err, token.ErrLocked) {
		t.Errorf("extending a lock that has ended: %v, want ErrLocked", err)
	}
	if err := next.Unlock(ctx); err != nil {
		t.Error(err)
	}
}

func conformWatch(t *testing.T, a, b token.Store) {
	ctx := patient(t)
	heard := watch(t, b)
	if got := <-heard; got != "" {
		t.Errorf("first it says %q, want that any record may have changed", got)
	}
	for i, name := range []string{"watch/1", "watch/{2}", "watch/3"} {
		if err := a.Save(ctx, name, record(uint64(i+1), "x")); err != nil {
			t.Fatal(err)
		}
		hear(t, heard, name)
	}
	if err := a.Delete(ctx, "watch/1"); err != nil {
		t.Fatal(err)
	}
	hear(t, heard, "watch/1")
}

// watch returns what a Watch of s says, until the test ends.
func watch(t *testing.T, s token.Store) <-chan string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	heard := make(chan string, 1000)
	ended := make(chan struct{})
	var over atomic.Bool
	go func() {
		defer close(ended)
		if err := s.Watch(ctx, func(name string) {
			if over.Load() {
				t.Errorf("heard of %q after the end", name)
			}
			heard <- name
		}); ctx.Err() == nil {
			t.Errorf("Watch ended: %v", err)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		over.Store(true)
	})
	return heard
}

// hear waits for name, or for the word that any record may have changed.
func hear(t *testing.T, heard <-chan string, name string) {
	t.Helper()
	for {
		select {
		case got := <-heard:
			if got == name || got == "" {
				return
			}
		case <-patient(t).Done():
			t.Fatalf("never heard of %q", name)
		}
	}
}

func conformContext(t *testing.T, a, _ token.Store) {
	l, err := a.TryLock(patient(t), "context", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, loaded := a.Load(ctx, "context")
	_, locked := a.TryLock(ctx, "context/2", time.Minute)
	for what, err := range map[string]error{
		"Load": loaded, "TryLock": locked, "Save": a.Save(ctx, "context", record(1, "x")),
		"Delete": a.Delete(ctx, "context"), "Extend": l.Extend(ctx, time.Minute),
		"Watch": a.Watch(ctx, func(string) {}),
	} {
		if err == nil || errors.Is(err, token.ErrNotFound) || errors.Is(err, token.ErrLocked) || errors.Is(err, token.ErrStale) {
			t.Errorf("%s says %v", what, err)
		}
	}
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ctx := patient(t); !ok(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it never happens that %s", what)
		}
	}
}

// contextFor is a context that lasts for d.
func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

// leaks reports whether any way to print err shows secret.
func leaks(err error, secret string) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			if strings.Contains(text, secret) {
				return true
			}
		}
	}
	return false
}
