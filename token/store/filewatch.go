package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// Watch implements [token.Store].
func (f *File) Watch(ctx context.Context, changed func(name string)) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch the store directory: %w", err)
	}
	defer w.Close()
	if err := w.Add(f.dir); err != nil {
		return fmt.Errorf("watch the store directory: %w", err)
	}
	changed("")
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-w.Events:
			switch {
			case !ok, filepath.Clean(e.Name) == filepath.Clean(f.dir) && e.Has(fsnotify.Remove|fsnotify.Rename):
				return errDirGone
			case e.Op != fsnotify.Chmod && isRecord(e.Name):
				if name, isNew := f.inspect(filepath.Base(e.Name)); isNew {
					changed(name)
				}
			}
		case _, ok := <-w.Errors: // events were lost
			if !ok {
				return errDirGone
			}
			changed("")
		}
	}
}

var errDirGone = errors.New("the store directory was removed")

// inspect returns whose record file is, and whether somebody else has changed it.
func (f *File) inspect(file string) (name string, changed bool) {
	r, err := f.read(file, "")
	if err != nil { // deleted: whose it was is known if it was ever seen
		return f.remember(file, known{}).name, true
	}
	f.mu.Lock()
	k := f.known[file]
	f.mu.Unlock()
	if k.own && k.gen == r.Gen {
		return r.Name, false
	}
	f.remember(file, known{name: r.Name, gen: r.Gen})
	return r.Name, true
}
