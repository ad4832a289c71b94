package store

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	key := func(b string) secret.Secret { return secret.New(strings.Repeat(b, KeySize)) }
	dir := filepath.Join(t.TempDir(), "tokens")
	rec := token.Record{Gen: 1, Data: []byte("data"), ExpiresAt: time.Now().Add(time.Hour)}

	if s, err := Open(t.Context(), Settings{}, nil); s != nil || err != nil {
		t.Errorf("no store: %v, %v", s, err)
	}
	s, err := Open(t.Context(), Settings{Dir: dir, Key: key("a")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Save(t.Context(), "shop", rec), s.Close()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		key, old   secret.Secret
		wantErr    error
		wantSealed bool
	}{
		{"the same key", key("a"), secret.Secret{}, nil, false},
		{"a new key, and the old one", key("b"), key("a"), nil, false},
		{"another key", key("c"), secret.Secret{}, token.ErrNotFound, false},
		{"no key", secret.Secret{}, secret.Secret{}, nil, true},
	} {
		s, err := Open(t.Context(), Settings{Dir: dir, Key: c.key, OldKey: c.old}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Load(t.Context(), "shop")
		if !errors.Is(err, c.wantErr) || err == nil && (string(got.Data) == "data") == c.wantSealed {
			t.Errorf("%s: %q, %v", c.name, got.Data, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		s    Settings
	}{
		{"a file in the way", Settings{Dir: "/dev/null/x"}},
		{"a URL that is none", Settings{RedisURL: secret.New("http://x")}},
		{"a short key", Settings{Dir: t.TempDir(), Key: secret.New("short")}},
	} {
		c.s.Name = "NAME"
		s, err := Open(t.Context(), c.s, nil)
		if s != nil || err == nil || !strings.HasPrefix(err.Error(), "open the store NAME: ") {
			t.Errorf("%s: %v, %v", c.name, s, err)
		}
	}
}
