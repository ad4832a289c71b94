package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// noEvents is a system without events.
func noEvents() (events, error) { return events{}, errors.New("too many open files") }

// start runs a watcher until the test ends and sends its calls of changed.
func (w *watcher) start(t *testing.T) <-chan struct{} {
	t.Helper()
	calls := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.run(ctx, func() { calls <- struct{}{} }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return calls
}

// wait waits for a call.
func wait(t *testing.T, calls <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-calls:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s was not noticed", what)
	}
}

func TestWatchNoticesEveryKindOfChange(t *testing.T) {
	t.Parallel()
	if system, err := fsnotify.NewWatcher(); err != nil {
		skip(t, "events of the file system: "+err.Error())
	} else if err := system.Close(); err != nil {
		t.Fatal(err)
	}
	link := func(t *testing.T, to, name string) {
		t.Helper()
		if err := os.Symlink(to, name+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]struct {
		before, change func(t *testing.T, dir string)
	}{
		"a write in place": {
			func(t *testing.T, dir string) { write(t, dir, "file", "old") },
			func(t *testing.T, dir string) { write(t, dir, "file", "new") },
		},
		"a rename into place": {
			func(t *testing.T, dir string) { write(t, dir, "file", "old") },
			func(t *testing.T, dir string) {
				if err := os.Rename(write(t, dir, "aside", "new"), filepath.Join(dir, "file")); err != nil {
					t.Fatal(err)
				}
			},
		},
		"a removal and a new file": {
			func(t *testing.T, dir string) { write(t, dir, "file", "old") },
			func(t *testing.T, dir string) {
				if err := os.Remove(filepath.Join(dir, "file")); err != nil {
					t.Fatal(err)
				}
				write(t, dir, "file", "new")
			},
		},
		"a file that was not there": {
			func(*testing.T, string) {},
			func(t *testing.T, dir string) { write(t, dir, "file", "new") },
		},
		"a link turned elsewhere, as Kubernetes does": {
			func(t *testing.T, dir string) {
				for _, version := range []string{"..1", "..2"} {
					if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
						t.Fatal(err)
					}
					write(t, filepath.Join(dir, version), "file", version)
				}
				link(t, "..1", filepath.Join(dir, "..data"))
				link(t, filepath.Join("..data", "file"), filepath.Join(dir, "file"))
			},
			func(t *testing.T, dir string) { link(t, "..2", filepath.Join(dir, "..data")) },
		},
		"a write behind a link to another directory": {
			func(t *testing.T, dir string) {
				if err := os.Mkdir(filepath.Join(dir, "other"), 0o700); err != nil {
					t.Fatal(err)
				}
				link(t, write(t, filepath.Join(dir, "other"), "file", "old"), filepath.Join(dir, "file"))
			},
			func(t *testing.T, dir string) { write(t, filepath.Join(dir, "other"), "file", "new") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			change.before(t, dir)
			first := write(t, dir, "first", "ready")
			w := &watcher{
				// The first call tells that the watcher is running.
				known:     fileHashes{filepath.Join(dir, "file"): {}, first: {}},
				newEvents: systemEvents,
				poll:      time.Hour,
			}
			calls := w.start(t)
			wait(t, calls, "the start")
			change.change(t, dir)
			wait(t, calls, name)
		})
	}
}

func TestWatchNoticesEarlierChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := write(t, dir, "f.yaml", "accounts: [{name: a, app_id: wx1, app_secret: a}]\n")
	c := env{"PROXY_CONFIG_FILE": file}.load(t)
	write(t, dir, "f.yaml", "accounts: [{name: b, app_id: wx1, app_secret: a}]\n")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := c.Watch(ctx, cancel); err != nil {
		t.Error(err)
	}
	if !slices.Equal(c.Files(), []string{file}) {
		t.Errorf("the Config has changed: %q", c.Files())
	}
}

func TestWatchReturnsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Watch(ctx, []string{"testdata/full.yaml", "testdata/none"}, func() { t.Error("nothing has changed") }); err != nil {
		t.Error(err)
	}
}

func TestWatchPollsWithoutEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		file := write(t, dir, "file", "old")
		w := &watcher{known: fileHashes{file: {}}, newEvents: noEvents}
		w.update()
		calls := w.start(t)
		synctest.Wait()
		if len(calls) != 0 {
			t.Fatal("nothing has changed, and that was noticed")
		}

		write(t, dir, "file", "new")
		time.Sleep(pollWithoutEvents)
		synctest.Wait()
		if len(calls) != 1 {
			t.Fatalf("after a change: %d calls", len(calls))
		}

		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * pollWithoutEvents)
		synctest.Wait()
		if len(calls) != 1 {
			t.Errorf("a file that is gone has changed: %d calls", len(calls))
		}
		write(t, dir, "file", "new")
		time.Sleep(10 * pollWithoutEvents)
		synctest.Wait()
		if len(calls) != 1 {
			t.Errorf("a file that came back as it was has changed: %d calls", len(calls))
		}
		write(t, dir, "file", "newer")
		time.Sleep(10 * pollWithoutEvents)
		synctest.Wait()
		if len(calls) != 2 {
			t.Errorf("a file that came back has not changed: %d calls", len(calls))
		}
	})
}

// fakeDirs accepts every directory; the test sends the events.
type fakeDirs struct{}

func (fakeDirs) Add(string) error    { return nil }
func (fakeDirs) Remove(string) error { return nil }
func (fakeDirs) Close() error        { return nil }

// fakeEvents returns a watcher of file, and a function that sends it an event.
func fakeEvents(file string) (w *watcher, send func()) {
	changes := make(chan fsnotify.Event)
	w = &watcher{
		known:     fileHashes{file: {}},
		newEvents: func() (events, error) { return events{changes, nil, fakeDirs{}}, nil },
		poll:      time.Hour,
	}
	w.update()
	return w, func() { changes <- fsnotify.Event{Name: file, Op: fsnotify.Write} }
}

func TestWatchWaitsUntilABurstOfWritesIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		w, send := fakeEvents(write(t, dir, "file", "old"))
		calls := w.start(t)
		synctest.Wait()
		for i := range 10 {
			write(t, dir, "file", strings.Repeat("x", i))
			send()
			time.Sleep(settleTime - time.Millisecond)
			synctest.Wait()
			if len(calls) != 0 {
				t.Fatalf("write %d of a burst was reported before the end of the burst", i)
			}
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if len(calls) != 1 {
			t.Fatalf("a burst of writes was reported %d times", len(calls))
		}
		time.Sleep(10 * settleTime)
		synctest.Wait()
		if len(calls) != 1 {
			t.Errorf("a burst of writes was reported %d times", len(calls))
		}
	})
}

func TestWatchDoesNotWaitForEverInABusyDirectory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		w, send := fakeEvents(write(t, dir, "file", "old"))
		calls := w.start(t)
		synctest.Wait()
		write(t, dir, "file", "new")
		for start := time.Now(); time.Since(start) < settleLimit+settleTime; time.Sleep(settleTime / 2) {
			send()
		}
		synctest.Wait()
		if len(calls) != 1 {
			t.Errorf("a change among endless events was reported %d times", len(calls))
		}
	})
}

// skip skips a test that needs something missing; with WTP_REQUIRE_ALL=1 it fails
// the test.
func skip(t *testing.T, missing string) {
	t.Helper()
	if os.Getenv("WTP_REQUIRE_ALL") == "1" {
		t.Fatal("missing: " + missing)
	}
	t.Skip("missing: " + missing)
}
