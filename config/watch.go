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
	// settleTime is waited after an event, for what comes as several: an editor
	// writes aside and renames, a shell truncates and writes.
	settleTime = 100 * time.Millisecond
	// pollEvents is how often files are looked at besides: network file systems
	// send no events.
	pollEvents = 2 * time.Second
	// pollAlone is how often where the system sends no events at all.
	pollAlone = time.Second
)

// Watch calls changed each time that one of the files holds something else than
// before, until ctx ends; then it returns nil. It sees files written in place,
// renamed into place, and reached through a symbolic link that is turned
// elsewhere, as Kubernetes does. A file that cannot be read has not changed: it
// is about to be replaced. Calls come one at a time, from Watch's goroutine.
func Watch(ctx context.Context, files []string, changed func()) error {
	held := make(sums, len(files))
	for _, name := range files {
		held[name] = sum{} // what a file that cannot be read is taken to hold
	}
	w := watcher{held: held, newSystem: fsnotify.NewWatcher, poll: pollEvents}
	w.look()
	return w.watch(ctx, changed)
}

// Watch is [Watch] for the files that c was read from. Nothing is missed: what
// changed after c was read and before Watch was called is noticed at once.
func (c *Config) Watch(ctx context.Context, changed func()) error {
	w := watcher{held: maps.Clone(*c.read), newSystem: fsnotify.NewWatcher, poll: pollEvents}
	return w.watch(ctx, changed)
}

// watcher is one call of Watch.
type watcher struct {
	held      sums // what the files held when last looked at, by name
	newSystem func() (*fsnotify.Watcher, error)
	poll      time.Duration // how often to look where the system sends events

	system *fsnotify.Watcher // nil: it sends none
	dirs   map[string]bool   // directories that system watches
}

func (w *watcher) watch(ctx context.Context, changed func()) error {
	if err := w.absolute(); err != nil {
		return err
	}
	var (
		events <-chan fsnotify.Event
		errs   <-chan error
	)
	poll := pollAlone
	if system, err := w.newSystem(); err == nil {
		defer func() { _ = system.Close() }()
		w.system, events, errs = system, system.Events, system.Errors
		if w.follow() {
			poll = w.poll
		}
	}
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if w.look() {
			changed()
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-events:
			w.settle(ctx, events)
		case <-errs: // events were lost
		}
		w.follow()
	}
	return nil
}

// settle waits a moment, and takes the events that come meanwhile.
func (w *watcher) settle(ctx context.Context, events <-chan fsnotify.Event) {
	settled := time.After(settleTime)
	for {
		select {
		case <-ctx.Done():
			return
		case <-settled:
			return
		case <-events:
		}
	}
}

// absolute makes the names absolute: a working directory that changes must not
// lose the files.
func (w *watcher) absolute() error {
	held := make(sums, len(w.held))
	for name, s := range w.held {
		abs, err := filepath.Abs(name)
		if err != nil {
			return fmt.Errorf("watch %s: %w", name, err)
		}
		held[abs] = s
	}
	w.held = held
	return nil
}

// look reports whether a file holds something else than before.
func (w *watcher) look() bool {
	changed := false
	for name, before := range w.held {
		data, err := readFile(name, maxFile)
		if err != nil {
			continue
		}
		if now := sha256.Sum256(data); now != before {
			w.held[name] = now
			changed = true
		}
	}
	return changed
}

// follow has the system watch the directories of the files, and of what they
// are links to. It reports whether it does. Files themselves are not watched:
// whoever renames another into place takes the watch away with the old one.
func (w *watcher) follow() bool {
	if w.system == nil {
		return false
	}
	dirs := make(map[string]bool)
	for name := range w.held {
		dirs[filepath.Dir(name)] = true
		if target, err := filepath.EvalSymlinks(name); err == nil {
			dirs[filepath.Dir(target)] = true
		}
	}
	for dir := range w.dirs {
		if !dirs[dir] {
			// It may be gone, and the watch with it.
			_ = w.system.Remove(dir)
		}
	}
	w.dirs = dirs
	all := true
	for dir := range dirs {
		// One that is watched already is no error.
		all = w.system.Add(dir) == nil && all
	}
	return all
}
