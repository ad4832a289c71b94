package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

const (
	guardName = ".guard" // locked by whoever writes
	guardPoll = 5 * time.Millisecond
)

// guarded calls do while no other process, and no other goroutine, writes. The
// operating system releases the guard when the process ends, however it ends.
func (f *File) guarded(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	path := f.path(guardName)
	if err := checkRegular(path); err != nil {
		return fmt.Errorf("lock the store directory: %w", err)
	}
	guard := flock.New(path, flock.SetFlag(os.O_RDWR|os.O_CREATE), flock.SetPermissions(0o600))
	_, err := guard.TryLockContext(ctx, guardPoll)
	for errors.Is(err, syscall.EINTR) { // network file systems
		_, err = guard.TryLockContext(ctx, guardPoll)
	}
	if err != nil {
		return fmt.Errorf("lock the store directory: %w", err)
	}
	defer guard.Close()
	if err := checkSame(guard, path); err != nil {
		return fmt.Errorf("lock the store directory: %w", err)
	}
	return do()
}

// statter is an open file.
type statter interface{ Stat() (fs.FileInfo, error) }

var (
	errNotRegular = errors.New("not a regular file")
	errReplaced   = errors.New("the file was replaced while it was opened")
)

// checkRegular returns an error if there is something at path that is no regular
// file. A symbolic link is none, wherever it leads: opening it could read, make or
// truncate a file outside the directory.
func checkRegular(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: %w", path, errNotRegular)
	}
	return nil
}

// checkSame returns an error if file, opened at path, is not what is at path: it
// was opened through a link, or replaced.
func checkSame(file statter, path string) error {
	opened, err := file.Stat()
	if err != nil {
		return err
	}
	there, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !os.SameFile(opened, there) {
		return fmt.Errorf("%s: %w", path, errReplaced)
	}
	return nil
}

// fileLock is a lock that expires, as a file that says who holds it and until when:
// the operating system's own locks have no end while their process lives. It is
// read and written under the guard.
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

// holder returns the owner of the lock, "" if nobody holds it.
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
			return fmt.Errorf("release a lock: %w", err)
		}
		return nil
	})
}
