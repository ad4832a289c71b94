package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

const (
	recordSuffix = ".record"
	lockSuffix   = ".lock"
	asidePrefix  = ".new-"
	guardName    = ".guard" // whoever writes holds an flock on it
	maxFile      = 1 << 20  // bytes
	maxKnown     = 4096
)

// File is a [token.Store] in a directory, one file a record. It outlives the
// process, and processes on one machine can share it.
type File struct {
	dir  string
	warn Warn

	mu    sync.Mutex
	known map[string]known // :: file → what was last seen there
	bad   map[string]bool  // files that were warned about
}

// known is what was last seen in a file.
type known struct {
	name string
	gen  uint64
	own  bool // written by this File
}

var _ token.Store = (*File)(nil)

// NewFile returns the store in dir, which it makes, for this user alone, where
// it is missing. A directory that others may look into is warned about: the
// files are readable for their owner only, but not hidden. The error is that
// dir cannot be used.
func NewFile(dir string, warn Warn) (*File, error) {
	f := &File{dir: dir, warn: warn, known: map[string]known{}, bad: map[string]bool{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the store's directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("look at the store's directory: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		warn.say("the store's directory is open to others", fmt.Errorf("%s has mode %04o, want 0700", dir, info.Mode().Perm()))
	}
	guard, err := os.OpenFile(f.path(guardName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write in the store's directory: %w", err)
	}
	f.tidy()
	return f, guard.Close()
}

func (f *File) path(file string) string { return filepath.Join(f.dir, file) }

// tidy removes what a process left behind that died while it wrote.
func (f *File) tidy() {
	left, _ := filepath.Glob(f.path(asidePrefix + "*")) // the pattern is well formed unless dir is odd: then nothing is removed
	for _, path := range left {
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(path)
		}
	}
}

// fileOf returns the file for name. It is a hash, since names may hold what
// file names may not, or differ in letter case only.
func fileOf(name, suffix string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:20]) + suffix
}

// fileRecord is a record as its file holds it.
type fileRecord struct {
	Name      string `json:"name"`
	Gen       uint64 `json:"gen"`
	ExpiresAt int64  `json:"expires_at"` // Unix microseconds; 0: never
	Data      []byte `json:"data"`
}

// Load implements [token.Store].
func (f *File) Load(ctx context.Context, name string) (token.Record, error) {
	if err := ctx.Err(); err != nil {
		return token.Record{}, err
	}
	r, err := f.read(fileOf(name, recordSuffix), name)
	if err != nil {
		return token.Record{}, err
	}
	rec := token.Record{Gen: r.Gen, Data: r.Data, ExpiresAt: fromMicros(r.ExpiresAt)}
	if expired(rec, time.Now()) {
		return token.Record{}, token.ErrNotFound
	}
	return rec, nil
}

// read reads a record's file. One that is damaged, or is not name's, is not
// found, after a warning. An empty name stands for any.
func (f *File) read(file, name string) (fileRecord, error) {
	var r fileRecord
	doc, err := readFile(f.path(file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r, token.ErrNotFound
	case err != nil && !errors.Is(err, errOddFile):
		return r, fmt.Errorf("read a record: %w", err)
	case err == nil:
		err = json.Unmarshal(doc, &r)
	}
	switch {
	case err != nil:
	case r.Name == "" || fileOf(r.Name, recordSuffix) != file || name != "" && r.Name != name:
		err = errors.New("it belongs to another name")
	}
	f.mu.Lock()
	news := err != nil && !f.bad[file]
	if len(f.bad) >= maxKnown {
		clear(f.bad)
	}
	if delete(f.bad, file); err != nil {
		f.bad[file] = true
	}
	f.mu.Unlock()
	if news {
		f.warn.say("a record in the file store is damaged, it will be replaced", fmt.Errorf("%s: %w", f.path(file), err))
	}
	if err != nil {
		return fileRecord{}, token.ErrNotFound
	}
	return r, nil
}

var errOddFile = errors.New("it is no file of ours")

// readFile reads a whole small file; a link, a pipe or a giant is none of ours.
func readFile(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, errOddFile
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxFile))
}

// Save implements [token.Store].
func (f *File) Save(ctx context.Context, name string, rec token.Record) error {
	return f.guarded(ctx, func() error {
		file := fileOf(name, recordSuffix)
		held, err := f.read(file, name)
		switch {
		case err != nil && !errors.Is(err, token.ErrNotFound):
			return err
		case err == nil && held.Gen >= rec.Gen && !expired(token.Record{ExpiresAt: fromMicros(held.ExpiresAt)}, time.Now()):
			return token.ErrStale
		}
		doc, err := json.Marshal(fileRecord{Name: name, Gen: rec.Gen, ExpiresAt: micros(rec.ExpiresAt), Data: rec.Data})
		if err != nil {
			return fmt.Errorf("encode a record: %w", err)
		}
		f.note(file, known{name: name, gen: rec.Gen, own: true})
		return f.replace(file, doc, true)
	})
}

// Delete implements [token.Store].
func (f *File) Delete(ctx context.Context, name string) error {
	return f.guarded(ctx, func() error {
		err := os.RemoveAll(f.path(fileOf(name, recordSuffix)))
		if err != nil {
			return fmt.Errorf("delete a record: %w", err)
		}
		return f.sync()
	})
}

// note remembers what is in file and returns what was known before.
func (f *File) note(file string, k known) (before known) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before = f.known[file]
	if len(f.known) >= maxKnown {
		clear(f.known)
	}
	f.known[file] = k
	return before
}

// replace puts doc in file's place: whole or not at all, even if the machine
// stops, where durable.
func (f *File) replace(file string, doc []byte, durable bool) (err error) {
	aside, err := os.CreateTemp(f.dir, asidePrefix+"*") // with mode 0600
	if err != nil {
		return fmt.Errorf("write a file aside: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(aside.Name())
		}
	}()
	_, err = aside.Write(doc)
	if err == nil && durable {
		err = aside.Sync()
	}
	if e := aside.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("write a file aside: %w", err)
	}
	target := f.path(file)
	err = os.Rename(aside.Name(), target)
	if info, e := os.Lstat(target); err != nil && e == nil && info.IsDir() {
		_ = os.RemoveAll(target) // somebody's folder under our file's name
		err = os.Rename(aside.Name(), target)
	}
	if err != nil {
		return fmt.Errorf("put a file in its place: %w", err)
	}
	if durable {
		return f.sync()
	}
	return nil
}

// sync makes the directory's own changes durable, where the system can.
func (f *File) sync() error {
	dir, err := os.Open(f.dir)
	if err != nil {
		return fmt.Errorf("open the store's directory: %w", err)
	}
	defer dir.Close()
	_ = dir.Sync() // some file systems cannot, and the data is written either way
	return nil
}

// guarded calls do while no other process, and no other goroutine, writes.
func (f *File) guarded(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	guard, err := os.OpenFile(f.path(guardName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the store's guard: %w", err)
	}
	defer guard.Close() // which unlocks it
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		ok, err := tryFlock(guard)
		if err != nil {
			return fmt.Errorf("lock the store's directory: %w", err)
		}
		if ok {
			return do()
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("lock the store's directory: %w", ctx.Err())
		case <-t.C:
		}
	}
}

// Close implements [token.Store]. There is nothing to release.
func (f *File) Close() error { return nil }

// isRecord reports whether file is a record's.
func isRecord(file string) bool { return strings.HasSuffix(file, recordSuffix) }
