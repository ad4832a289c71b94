package store

import (
	"errors"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store/redistest"
)

func openRedis(t *testing.T, url string, warn Warn) *Redis {
	t.Helper()
	r, err := NewRedis(patient(t), url, RedisOptions{Warn: warn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestRedis(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"with client-side caching": nil,
		"without RESP3":            {"--rename-command", "HELLO", ""},
		"without CLIENT":           {"--rename-command", "CLIENT", ""},
		"a cluster":                {"--cluster-enabled", "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t, args...)
			if name == "a cluster" {
				s.Command(t, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
				eventually(t, "the cluster is up", func() bool {
					return s.Command(t, "SET", "up", "yes") == "+OK"
				})
			}
			conform(t, func(t *testing.T) token.Store { return openRedis(t, s.URL, quiet(t)) })
		})
	}
	t.Run("with RESP2 by the URL", func(t *testing.T) {
		t.Parallel()
		s := redistest.Start(t)
		conform(t, func(t *testing.T) token.Store { return openRedis(t, s.URL+"/3?protocol=2", quiet(t)) })
	})
}

func TestRedisForeignValuesAreReplaced(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	for i, foreign := range [][]string{
		{"SET", "K", "something else"}, {"SET", "K", "wtp1 "}, {"SET", "K", "wtp1 zzzzzzzzzzzzzzzzzzzz 0 x"},
		{"SET", "K", "wtp1 00000000000000000001 x y"}, {"LPUSH", "K", "a"}, {"HSET", "K", "a", "b"},
		{"SET", "K", "wtp1 99999999999999999999"},
	} {
		var w warnings
		r := openRedis(t, s.URL, w.add)
		name := string(rune('a' + i))
		foreign[1] = r.recordKey(name)
		s.Command(t, foreign...)
		if _, err := r.Load(patient(t), name); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("%q: %v, want ErrNotFound", foreign, err)
		}
		if len(w.all()) != 1 {
			t.Errorf("%q: warned %q", foreign, w.all())
		}
		if i == 6 {
			continue // it cannot be told from a record that is newer than any
		}
		if err := r.Save(patient(t), name, record(5, "x")); err != nil {
			t.Errorf("%q is not replaced: %v", foreign, err)
		}
		if rec, err := r.Load(patient(t), name); err != nil || rec.Gen != 5 {
			t.Errorf("%q: at last %+v, %v", foreign, rec, err)
		}
	}
}

func TestRedisKeysEndWithTheirRecords(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r := openRedis(t, s.URL, quiet(t))
	if err := r.Save(patient(t), "a{b}", token.Record{Gen: 1, ExpiresAt: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := r.Save(patient(t), "forever", token.Record{Gen: 1}); err != nil {
		t.Fatal(err)
	}
	if ttl := s.Command(t, "TTL", "wtp:{a%7Bb%7D}"); ttl != ":3600" && ttl != ":3599" {
		t.Errorf("it has %s s to live", ttl)
	}
	if ttl := s.Command(t, "TTL", "wtp:{forever}"); ttl != ":-1" {
		t.Errorf("a record without an end has %s s to live", ttl)
	}
	if _, err := r.TryLock(patient(t), "a{b}", time.Hour); err != nil {
		t.Fatal(err)
	}
	if ttl := s.Command(t, "TTL", "wtp-lock:{a%7Bb%7D}"); ttl != ":3600" && ttl != ":3599" {
		t.Errorf("a lock has %s s to live", ttl)
	}
}
