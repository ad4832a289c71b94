package store

import (
	"context"
	"fmt"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// Settings name the store that [Open] opens. The zero value names none.
type Settings struct {
	// Name is what errors call the store. It must hold no secret.
	Name string
	// Dir is the directory of a file store, RedisURL the address of a Redis. At
	// most one of them is set.
	Dir      string
	RedisURL secret.Secret
	// Key has [KeySize] raw bytes and seals what the store holds. If zero, the
	// store is not sealed.
	Key secret.Secret
	// OldKey opens what was sealed before Key was set. If zero, only Key opens.
	OldKey secret.Secret
}

// Open opens the store that s names, sealed if there is a key. It returns nil
// if s names none: tokens then live in memory only. The caller closes the
// store.
func Open(ctx context.Context, s Settings, warn Warn) (token.Store, error) {
	inner, err := s.open(ctx, warn)
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", s.Name, err)
	}
	if inner == nil || s.Key.IsZero() {
		return inner, nil
	}
	keys := [][]byte{[]byte(s.Key.Reveal())}
	if !s.OldKey.IsZero() {
		keys = append(keys, []byte(s.OldKey.Reveal()))
	}
	sealed, err := Sealed(inner, warn, keys...)
	if err != nil {
		_ = inner.Close() // the error that counts is the key's
		return nil, fmt.Errorf("open the store %s: %w", s.Name, err)
	}
	return sealed, nil
}

// open opens the store itself, without the seal.
func (s Settings) open(ctx context.Context, warn Warn) (token.Store, error) {
	// Not the two results at once: a nil *File in a token.Store is not nil.
	switch {
	case s.Dir != "":
		f, err := NewFile(s.Dir, warn)
		if err != nil {
			return nil, err
		}
		return f, nil
	case !s.RedisURL.IsZero():
		r, err := NewRedis(ctx, s.RedisURL.Reveal(), RedisOptions{Warn: warn})
		if err != nil {
			return nil, err
		}
		return r, nil
	}
	return nil, nil
}
