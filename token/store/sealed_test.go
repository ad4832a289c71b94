package store

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store/redistest"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, KeySize) }

func seal(t *testing.T, inner token.Store, warn Warn, keys ...[]byte) token.Store {
	t.Helper()
	s, err := Sealed(inner, warn, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealed(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		m := newMemory()
		conform(t, func(t *testing.T) token.Store { return seal(t, m, quiet(t), key(1)) })
	})
	t.Run("file", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "store")
		conform(t, func(t *testing.T) token.Store { return seal(t, openFile(t, dir, quiet(t)), quiet(t), key(1)) })
	})
	t.Run("redis", func(t *testing.T) {
		s := redistest.Start(t)
		conform(t, func(t *testing.T) token.Store { return seal(t, openRedis(t, s.URL, quiet(t)), quiet(t), key(1)) })
	})
}

func TestSealedKeysCanBeChanged(t *testing.T) {
	t.Parallel()
	m := newMemory()
	old := seal(t, m, quiet(t), key(1))
	both := seal(t, m, quiet(t), key(2), key(1))
	if err := old.Save(t.Context(), "shop", record(1, "secret")); err != nil {
		t.Fatal(err)
	}
	if r, err := both.Load(t.Context(), "shop"); err != nil || string(r.Data) != "secret" {
		t.Errorf("under the old key: %q, %v", r.Data, err)
	}
	if err := both.Save(t.Context(), "shop", record(2, "secret 2")); err != nil {
		t.Fatal(err)
	}
	if r, err := seal(t, m, quiet(t), key(2)).Load(t.Context(), "shop"); err != nil || string(r.Data) != "secret 2" {
		t.Errorf("under the new key: %q, %v", r.Data, err)
	}
}

func TestWhatNoKeyOpensIsNotFound(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(time.Hour)
	plain := token.Record{Gen: 5, Data: []byte("secret"), ExpiresAt: at}
	for name, change := range map[string]func(name *string, r *token.Record){
		"another key":         func(_ *string, r *token.Record) { r.Data = nil },
		"in clear":            func(_ *string, r *token.Record) { r.Data = []byte(`{"value":"secret"}`) },
		"cut off":             func(_ *string, r *token.Record) { r.Data = r.Data[:len(r.Data)-1] },
		"shorter than a seal": func(_ *string, r *token.Record) { r.Data = r.Data[:len(sealMark)+3] },
		"a changed byte":      func(_ *string, r *token.Record) { r.Data[len(r.Data)-1] ^= 1 },
		"under another name":  func(n *string, _ *token.Record) { *n = "other" },
		"made newer":          func(_ *string, r *token.Record) { r.Gen++ },
		"made longer":         func(_ *string, r *token.Record) { r.ExpiresAt = at.Add(time.Hour) },
		"made endless":        func(_ *string, r *token.Record) { r.ExpiresAt = time.Time{} },
	} {
		m := newMemory()
		var w warnings
		s := seal(t, m, w.add, key(1))
		if err := s.Save(t.Context(), "shop", plain); err != nil {
			t.Fatal(err)
		}
		raw, err := m.Load(t.Context(), "shop")
		if err != nil || bytes.Contains(raw.Data, []byte("secret")) {
			t.Fatalf("the store holds %q, %v", raw.Data, err)
		}
		under := "shop"
		change(&under, &raw)
		if raw.Data == nil {
			s = seal(t, m, w.add, key(9))
		} else {
			if err := m.Delete(t.Context(), under); err != nil {
				t.Fatal(err)
			}
			if err := m.Save(t.Context(), under, raw); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Load(t.Context(), under); !errors.Is(err, token.ErrNotFound) || len(w.all()) != 1 {
			t.Errorf("%s: %v, warned %q", name, err, w.all())
		}
		if said := strings.Join(w.all(), ""); strings.Contains(said, "secret") {
			t.Errorf("%s: warned %q", name, said)
		}
		if err := s.Save(t.Context(), under, record(9, "new")); err != nil {
			t.Errorf("%s is not replaced: %v", name, err)
		}
	}
}

func TestNoTwoSealsAreAlike(t *testing.T) {
	t.Parallel()
	m := newMemory()
	s := seal(t, m, quiet(t), key(1))
	seen := map[string]bool{}
	for range 50 {
		if err := s.Save(t.Context(), "shop", token.Record{Gen: 1, Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		r, _ := m.Load(t.Context(), "shop")
		seen[string(r.Data)] = true
		_ = m.Delete(t.Context(), "shop")
	}
	if len(seen) != 50 {
		t.Errorf("%d different seals of 50", len(seen))
	}
}

func TestSealedWantsGoodKeys(t *testing.T) {
	t.Parallel()
	for _, keys := range [][][]byte{nil, {nil}, {key(1), key(2)[:16]}, {[]byte("CANARY")}} {
		if _, err := Sealed(newMemory(), nil, keys...); err == nil || leaks(err, "CANARY") {
			t.Errorf("%d keys: %v", len(keys), err)
		}
	}
}
