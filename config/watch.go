package config

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleTime is how long no event must come before the files are read: one
	// change causes several, because an editor writes another file and renames
	// it, and a shell truncates and writes.
	settleTime = 100 * time.Millisecond
	// settleLimit bounds that wait, for directories in which something is
	// always written.
	settleLimit = 2 * time.Second
	// pollWithEvents is how often the files are read in addition to events,
	// because network file systems send none.
	pollWithEvents = 2 * time.Second
	// pollWithoutEvents is how often where the system cannot send events at all.
	pollWithoutEvents = time.Second
)

// Watch calls changed whenever the contents of one of the files change, until
// ctx is done; then it returns nil. It notices files written in place, renamed
// into place, and reached through a symbolic link that changes, as in Kubernetes
// volumes. A file that cannot be read counts as unchanged: it is about to be
// replaced. Calls of changed come one at a time, from Watch's goroutine.
func Watch(ctx context.Context, files []string, changed func()) error {
	known := make(fileHashes, len(files))
	for _, name := range files {
		known[name] = fileHash{} // for a file that cannot be read yet
	}
	w := watcher{known: known, newEvents: systemEvents, poll: pollWithEvents}
	w.update()
	return w.run(ctx, changed)
}

// Watch is [Watch] for the files that c was read from. It misses nothing: a
// change between reading c and calling Watch is reported at once.
func (c *Config) Watch(ctx context.Context, changed func()) error {
	w := watcher{known: maps.Clone(*c.read), newEvents: systemEvents, poll: pollWithEvents}
	return w.run(ctx, changed)
}

// events are the file system's notifications about directories.
type events struct {
	changes <-chan fsnotify.Event
	errors  <-chan error // events were lost
	directories
}

// directories are those that events come from; an [fsnotify.Watcher].
type directories interface {
	Add(dir string) error // no error if it was added before
	Remove(dir string) error
	Close() error
}

// systemEvents opens the notifications of the operating system.
func systemEvents() (events, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return events{}, err
	}
	return events{w.Events, w.Errors, w}, nil
}

// watcher is one call of Watch.
type watcher struct {
	known     fileHashes // the contents when last read, by name
	newEvents func() (events, error)
	poll      time.Duration // how often to read the files if there are events

	events events          // zero: there are none
	dirs   map[string]bool // the directories that events come from
}

func (w *watcher) run(ctx context.Context, changed func()) error {
	if err := w.makeAbsolute(); err != nil {
		return err
	}
	poll := pollWithoutEvents
	if events, err := w.newEvents(); err == nil {
		defer func() { _ = events.Close() }()
		w.events = events
		if w.watchDirs() {
			poll = w.poll
		}
	}
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if w.update() {
			changed()
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-w.events.changes:
			w.settle(ctx)
		case <-w.events.errors:
		}
		w.watchDirs()
	}
	return nil
}

// settle waits until no event has come for settleTime, so that one change of
// several steps is read once, when it is complete.
func (w *watcher) settle(ctx context.Context) {
	limit := time.After(settleLimit)
	for {
		select {
		case <-ctx.Done():
			return
		case <-limit:
			return
		case <-time.After(settleTime):
			return
		case <-w.events.changes:
		}
	}
}

// makeAbsolute makes the names absolute, so that the files are still found if
// the working directory changes.
func (w *watcher) makeAbsolute() error {
	known := make(fileHashes, len(w.known))
	for name, hash := range w.known {
		abs, err := filepath.Abs(name)
		if err != nil {
			return fmt.Errorf("watch %s: %w", name, err)
		}
		known[abs] = hash
	}
	w.known = known
	return nil
}

// update reads the files and reports whether the contents of one have changed.
func (w *watcher) update() bool {
	changed := false
	for name, before := range w.known {
		data, err := readFile(name, maxFile)
		if err != nil {
			continue
		}
		if now := sha256.Sum256(data); now != before {
			w.known[name] = now
			changed = true
		}
	}
	return changed
}

// watchDirs asks for events from the directories of the files and of what they
// link to. It reports whether it gets them. It does not watch the files
// themselves: when another file is renamed into place, the watch goes with the
// old one.
func (w *watcher) watchDirs() bool {
	if w.events.directories == nil {
		return false
	}
	dirs := make(map[string]bool)
	for name := range w.known {
		dirs[filepath.Dir(name)] = true
		if target, err := filepath.EvalSymlinks(name); err == nil {
			dirs[filepath.Dir(target)] = true
		}
	}
	for dir := range w.dirs {
		if !dirs[dir] {
			// It may no longer exist, and the watch with it.
			_ = w.events.Remove(dir)
		}
	}
	w.dirs = dirs
	all := true
	for dir := range dirs {
		all = w.events.Add(dir) == nil && all
	}
	return all
}
