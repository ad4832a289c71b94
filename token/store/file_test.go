package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// warnings collects what a store warns about.
type warnings struct {
	mu   sync.Mutex
	said []string
}

func (w *warnings) add(msg string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, fmt.Sprintf("%s: %v", msg, err))
}

func (w *warnings) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.said...)
}

// quiet fails the test at a warning.
func quiet(t *testing.T) Warn {
	return func(msg string, err error) { t.Errorf("warned: %s: %v", msg, err) }
}

func openFile(t *testing.T, dir string, warn Warn) *File {
	t.Helper()
	f, err := NewFile(dir, warn)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "store")
	conform(t, func(t *testing.T) token.Store { return openFile(t, dir, quiet(t)) })
	left, _ := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	f := openFile(t, dir, quiet(t))
	if err := f.Save(t.Context(), "shop", record(1, "x")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.TryLock(t.Context(), "shop", time.Minute); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%v, %v: want a guard, a record and a lock", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v %v", info.Mode(), err)
	}
}

func TestAnOpenDirectoryIsWarnedAbout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var w warnings
	openFile(t, dir, w.add)
	if said := w.all(); len(said) != 1 || !strings.Contains(said[0], "0755") {
		t.Errorf("warned %q", said)
	}
}

func TestAnUnusableDirectoryIsAnError(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewFile(filepath.Join(file, "store"), nil); err == nil {
		t.Error("no error")
	}
}

func TestDamagedFilesAreReplaced(t *testing.T) {
	t.Parallel()
	whole := func(t *testing.T, name string) string {
		dir := filepath.Join(t.TempDir(), "store")
		if err := openFile(t, dir, quiet(t)).Save(t.Context(), name, record(99, "x")); err != nil {
			t.Fatal(err)
		}
		doc, err := os.ReadFile(filepath.Join(dir, fileOf(name, recordSuffix)))
		if err != nil {
			t.Fatal(err)
		}
		return string(doc)
	}
	mine := whole(t, "shop")
	for name, damage := range map[string]func(path string) error{
		"half written":    func(p string) error { return os.WriteFile(p, []byte(mine[:len(mine)/2]), 0o600) },
		"empty":           func(p string) error { return os.WriteFile(p, nil, 0o600) },
		"something else":  func(p string) error { return os.WriteFile(p, []byte("\x7fELF"), 0o600) },
		"another's":       func(p string) error { return os.WriteFile(p, []byte(whole(t, "other")), 0o600) },
		"a giant":         func(p string) error { return os.WriteFile(p, make([]byte, maxFile+1), 0o600) },
		"a link":          func(p string) error { return os.Symlink("/dev/zero", p) },
		"a folder":        func(p string) error { return os.MkdirAll(filepath.Join(p, "deep"), 0o700) },
		"a negative life": func(p string) error { return os.WriteFile(p, []byte(`{"name":"shop","gen":-1}`), 0o600) },
	} {
		var w warnings
		dir := filepath.Join(t.TempDir(), "store")
		f := openFile(t, dir, w.add)
		if err := damage(f.path(fileOf("shop", recordSuffix))); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := f.Load(t.Context(), "shop"); err != token.ErrNotFound {
				t.Errorf("%s: %v, want ErrNotFound", name, err)
			}
		}
		if err := f.Save(t.Context(), "shop", record(1, "new")); err != nil {
			t.Errorf("%s is not replaced: %v", name, err)
		}
		if r, err := f.Load(t.Context(), "shop"); err != nil || string(r.Data) != "new" {
			t.Errorf("%s: at last %q, %v", name, r.Data, err)
		}
		if said := w.all(); len(said) != 1 {
			t.Errorf("%s: warned %q, want once", name, said)
		}
	}
}

func TestADamagedLockIsNoLock(t *testing.T) {
	t.Parallel()
	f := openFile(t, filepath.Join(t.TempDir(), "store"), quiet(t))
	if err := os.WriteFile(f.path(fileOf("shop", lockSuffix)), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.TryLock(t.Context(), "shop", time.Minute); err != nil {
		t.Error(err)
	}
}

func TestWhatADeadWriterLeftIsRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	old, young := filepath.Join(dir, tempPrefix+"1"), filepath.Join(dir, tempPrefix+"2")
	for _, p := range []string{old, young} {
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(old, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	openFile(t, dir, quiet(t))
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("yesterday's: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the young one may still be written: %v", err)
	}
}

func TestAGuardHeldByAnotherIsWaitedForAsLongAsTheContextLasts(t *testing.T) {
	t.Parallel()
	f := openFile(t, filepath.Join(t.TempDir(), "store"), quiet(t))
	guard := flock.New(f.path(guardName))
	if ok, err := guard.TryLock(); !ok {
		t.Fatal(err)
	}
	ctx, cancel := contextFor(t, 20*time.Millisecond)
	defer cancel()
	if err := f.Save(ctx, "shop", record(1, "x")); err == nil {
		t.Error("saved without the guard")
	}
	guard.Close()
	if err := f.Save(patient(t), "shop", record(1, "x")); err != nil {
		t.Error(err)
	}
}

func TestOwnWritesAreNoNews(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	mine, other := openFile(t, dir, quiet(t)), openFile(t, dir, quiet(t))
	heard := watch(t, mine)
	hear(t, heard, "")
	if err := mine.Save(patient(t), "mine", record(1, "x")); err != nil {
		t.Fatal(err)
	}
	if err := other.Save(patient(t), "other", record(1, "x")); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-heard:
		if got != "other" {
			t.Errorf("heard of %q", got)
		}
	case <-patient(t).Done():
		t.Error("heard nothing")
	}
}

// A saved record survives a machine that stops: its content is on the disk before
// it gets its name, and then the name.
func TestASavedRecordIsDurable(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	f := openFile(t, dir, quiet(t))
	var did []string
	var broken error
	f.disk.sync = func(file *os.File) error {
		name := filepath.Base(file.Name())
		if strings.HasPrefix(name, tempPrefix) {
			doc, err := os.ReadFile(file.Name())
			if err != nil || !strings.Contains(string(doc), `"shop"`) {
				t.Errorf("synced before it was written: %q, %v", doc, err)
			}
			name = "the new file"
		}
		did = append(did, "sync "+name)
		return errors.Join(broken, file.Sync())
	}
	f.disk.rename = func(from, to string) error {
		did = append(did, "rename to "+filepath.Base(to))
		return os.Rename(from, to)
	}
	steps := func(want ...string) {
		t.Helper()
		if !slices.Equal(did, want) {
			t.Errorf("it did %q, want %q", did, want)
		}
		did = nil
	}
	file := fileOf("shop", recordSuffix)
	for gen := range uint64(2) {
		if err := f.Save(t.Context(), "shop", record(gen+1, "x")); err != nil {
			t.Fatal(err)
		}
		steps("sync the new file", "rename to "+file, "sync store")
	}

	broken = errors.New("input/output error")
	if err := f.Save(t.Context(), "shop", record(3, "lost")); !errors.Is(err, broken) {
		t.Errorf("a file that cannot be synced is saved: %v", err)
	}
	steps("sync the new file")
	if r, err := f.Load(t.Context(), "shop"); err != nil || r.Gen != 2 {
		t.Errorf("the record before it: %+v, %v", r, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, tempPrefix+"*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	broken = nil
	if err := f.Delete(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	steps("sync store")
	if _, err := f.TryLock(t.Context(), "shop", time.Minute); err != nil {
		t.Fatal(err)
	}
	steps("rename to " + fileOf("shop", lockSuffix)) // a lock need not survive
}
