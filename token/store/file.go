package store

import (
	"cmp"
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
	tempPrefix   = ".new-"
	maxFile      = 1 << 20 // bytes
	maxKnown     = 4096
)

// File is a [token.Store] in a directory, one file a record. It outlives the
// process, and processes on one machine can share it.
type File struct {
	dir  string
	warn Warn
	disk disk

	mu     sync.Mutex
	known  map[string]known // :: file → what was last seen there
	warned map[string]bool  // files that were warned about
}

// disk has the operations that make a record durable. Tests use their own.
type disk struct {
	sync   func(*os.File) error
	rename func(from, to string) error
}

// known is what was last seen in a file.
type known struct {
	name string
	gen  uint64
	own  bool // written by this File
}

var _ token.Store = (*File)(nil)

// NewFile returns the store in dir. It creates dir, for this user alone, if it is
// missing, and warns if others have access to it. The error is that dir cannot be
// used.
func NewFile(dir string, warn Warn) (*File, error) {
	f := &File{
		dir: dir, warn: warn, disk: disk{sync: (*os.File).Sync, rename: os.Rename},
		known: map[string]known{}, warned: map[string]bool{},
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the store directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("stat the store directory: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		warn.emit("other users have access to the store directory", fmt.Errorf("%s has mode %04o, want 0700", dir, info.Mode().Perm()))
	}
	if err := checkRegular(f.path(guardName)); err != nil {
		return nil, fmt.Errorf("use the store directory: %w", err)
	}
	guard, err := os.OpenFile(f.path(guardName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write to the store directory: %w", err)
	}
	f.removeTemp()
	return f, guard.Close()
}

func (f *File) path(file string) string { return filepath.Join(f.dir, file) }

// removeTemp removes the temporary files of processes that died while they wrote.
func (f *File) removeTemp() {
	left, _ := filepath.Glob(f.path(tempPrefix + "*")) // if dir makes it a bad pattern, nothing is removed
	for _, path := range left {
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(path)
		}
	}
}

// fileOf returns the file for name. It is a hash, since names may have characters
// that file names may not, or differ in letter case only.
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

// read reads a record's file. A file that is damaged, or belongs to another name
// than name, is not found, after a warning. An empty name stands for any.
func (f *File) read(file, name string) (fileRecord, error) {
	var r fileRecord
	doc, err := readFile(f.path(file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r, token.ErrNotFound
	case err != nil && !errors.Is(err, errNotRegular) && !errors.Is(err, errTooLong):
		return r, fmt.Errorf("read a record: %w", err)
	case err == nil:
		err = json.Unmarshal(doc, &r)
	}
	if err == nil && (r.Name == "" || fileOf(r.Name, recordSuffix) != file || name != "" && r.Name != name) {
		err = errors.New("the record in it has another name")
	}
	f.mu.Lock()
	isNew := err != nil && !f.warned[file]
	if len(f.warned) >= maxKnown {
		clear(f.warned)
	}
	if delete(f.warned, file); err != nil {
		f.warned[file] = true
	}
	f.mu.Unlock()
	if isNew {
		f.warn.emit("damaged record in the file store, it will be replaced", fmt.Errorf("%s: %w", f.path(file), err))
	}
	if err != nil {
		return fileRecord{}, token.ErrNotFound
	}
	return r, nil
}

var errTooLong = errors.New("longer than 1 MiB")

// readFile reads a whole small file, and neither a link nor a pipe.
func readFile(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotRegular
	case info.Size() > maxFile:
		return nil, errTooLong
	}
	file, err := os.OpenInRoot(filepath.Split(path)) // if a link has taken its place meanwhile: not outside the directory
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
		stored, err := f.read(file, name)
		switch {
		case err != nil && !errors.Is(err, token.ErrNotFound):
			return err
		case err == nil && stored.Gen >= rec.Gen && !expired(token.Record{ExpiresAt: fromMicros(stored.ExpiresAt)}, time.Now()):
			return token.ErrStale
		}
		doc, err := json.Marshal(fileRecord{Name: name, Gen: rec.Gen, ExpiresAt: micros(rec.ExpiresAt), Data: rec.Data})
		if err != nil {
			return fmt.Errorf("encode a record: %w", err)
		}
		f.remember(file, known{name: name, gen: rec.Gen, own: true})
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
		return f.syncDir()
	})
}

// remember notes what is in file and returns what was known before.
func (f *File) remember(file string, k known) (before known) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before = f.known[file]
	if len(f.known) >= maxKnown {
		clear(f.known)
	}
	f.known[file] = k
	return before
}

// replace makes doc the content of file: whole or not at all, and if durable even
// if the machine stops.
func (f *File) replace(file string, doc []byte, durable bool) (err error) {
	temp, err := os.CreateTemp(f.dir, tempPrefix+"*") // with mode 0600
	if err != nil {
		return fmt.Errorf("write a temporary file: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name())
		}
	}()
	_, err = temp.Write(doc)
	if err == nil && durable {
		err = f.disk.sync(temp)
	}
	if err = cmp.Or(err, temp.Close()); err != nil {
		return fmt.Errorf("write a temporary file: %w", err)
	}
	target := f.path(file)
	err = f.disk.rename(temp.Name(), target)
	if info, e := os.Lstat(target); err != nil && e == nil && info.IsDir() {
		_ = os.RemoveAll(target) // a directory under our file's name
		err = f.disk.rename(temp.Name(), target)
	}
	if err != nil {
		return fmt.Errorf("rename a temporary file: %w", err)
	}
	if durable {
		return f.syncDir()
	}
	return nil
}

// syncDir makes changes of the directory itself durable, if the system can.
func (f *File) syncDir() error {
	dir, err := os.Open(f.dir)
	if err != nil {
		return fmt.Errorf("open the store directory: %w", err)
	}
	defer dir.Close()
	_ = f.disk.sync(dir) // some file systems cannot, and the record is written either way
	return nil
}

// Close implements [token.Store]. There is nothing to release.
func (f *File) Close() error { return nil }

// isRecord reports whether file is a record's.
func isRecord(file string) bool { return strings.HasSuffix(file, recordSuffix) }
