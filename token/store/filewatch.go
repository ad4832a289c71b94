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
		return fmt.Errorf("watch the store's directory: %w", err)
	}
	defer w.Close()
	if err := w.Add(f.dir); err != nil {
		return fmt.Errorf("watch the store's directory: %w", err)
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
				if name, news := f.look(filepath.Base(e.Name)); news {
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

var errDirGone = errors.New("the store's directory is gone")

// look sees what became of file: whose it is, and whether another has changed
// it.
func (f *File) look(file string) (name string, news bool) {
	r, err := f.read(file, "")
	if err != nil { // deleted; whose it was is known if it was ever seen
		return f.note(file, known{}).name, true
	}
	f.mu.Lock()
	k := f.known[file]
	f.mu.Unlock()
	if k.own && k.gen == r.Gen {
		return r.Name, false
	}
	f.note(file, known{name: r.Name, gen: r.Gen})
	return r.Name, true
}
