package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// fileLock is a lock as a file: who holds it, and until when. It is read and
// written under the guard, so that one left behind by a dead process ends.
type fileLock struct {
	f     *File
	file  string
	owner string
}

type lockState struct {
	Owner string `json:"owner"`
	Until int64  `json:"until"` // Unix microseconds
}

// TryLock implements [token.Store].
func (f *File) TryLock(ctx context.Context, name string, ttl time.Duration) (token.Lock, error) {
	l := &fileLock{f: f, file: fileOf(name, lockSuffix), owner: rand.Text()}
	err := f.guarded(ctx, func() error {
		if l.holder() != "" {
			return token.ErrLocked
		}
		return l.hold(ttl)
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// holder returns who holds the lock, "" for nobody.
func (l *fileLock) holder() string {
	var s lockState
	doc, err := readFile(l.f.path(l.file))
	if err != nil || json.Unmarshal(doc, &s) != nil || !time.Now().Before(fromMicros(s.Until)) {
		return ""
	}
	return s.Owner
}

func (l *fileLock) hold(ttl time.Duration) error {
	doc, err := json.Marshal(lockState{Owner: l.owner, Until: time.Now().Add(ttl).UnixMicro()})
	if err != nil {
		return fmt.Errorf("encode a lock: %w", err)
	}
	return l.f.replace(l.file, doc, false)
}

// Extend implements [token.Lock].
func (l *fileLock) Extend(ctx context.Context, ttl time.Duration) error {
	return l.f.guarded(ctx, func() error {
		if l.holder() != l.owner {
			return token.ErrLocked
		}
		return l.hold(ttl)
	})
}

// Unlock implements [token.Lock].
func (l *fileLock) Unlock(ctx context.Context) error {
	return l.f.guarded(ctx, func() error {
		if l.holder() != l.owner {
			return nil
		}
		if err := os.Remove(l.f.path(l.file)); err != nil {
			return fmt.Errorf("give a lock back: %w", err)
		}
		return nil
	})
}
