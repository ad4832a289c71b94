package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// outside returns a path outside any store, with content, or without a file for
// a link that dangles.
func outside(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outside")
	if content != "" {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// untouched wants path to be as outside made it.
func untouched(t *testing.T, what, path, content string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if content == "" && !errors.Is(err, os.ErrNotExist) || content != "" && (err != nil || string(got) != content) {
		t.Errorf("%s: outside the store there is now %q, %v", what, got, err)
	}
}

// link puts a symbolic link to target in path's place.
func link(t *testing.T, target, path string) {
	t.Helper()
	_ = os.Remove(path)
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// isFile wants path to be a file of its own.
func isFile(t *testing.T, what, path string) {
	t.Helper()
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%s: %v, %v; want a file", what, info, err)
	}
}

// content returns what f's file holds after write.
func content(t *testing.T, file string, write func(f *File) error) string {
	t.Helper()
	f := openFile(t, filepath.Join(t.TempDir(), "store"), quiet(t))
	if err := write(f); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(f.path(file))
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

// A link under a record's name is not followed, not even to a perfect record: it is
// damaged, and replaced, and what it leads to stays as it is.
func TestARecordThatIsALinkIsNotFollowed(t *testing.T) {
	t.Parallel()
	file := fileOf("shop", recordSuffix)
	perfect := content(t, file, func(f *File) error { return f.Save(t.Context(), "shop", record(99, "planted")) })
	for what, planted := range map[string]string{"a perfect record": perfect, "a dangling link": ""} {
		var w warnings
		f := openFile(t, filepath.Join(t.TempDir(), "store"), w.add)
		target := outside(t, planted)
		link(t, target, f.path(file))
		if r, err := f.Load(t.Context(), "shop"); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("%s: loaded %q, %v; want ErrNotFound", what, r.Data, err)
		}
		if said := w.all(); len(said) != 1 {
			t.Errorf("%s: warned %q, want once", what, said)
		}
		if err := f.Save(t.Context(), "shop", record(1, "mine")); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if r, err := f.Load(t.Context(), "shop"); err != nil || string(r.Data) != "mine" {
			t.Errorf("%s: at last %q, %v", what, r.Data, err)
		}
		isFile(t, what, f.path(file))
		untouched(t, what, target, planted)

		link(t, target, f.path(file))
		if err := f.Delete(t.Context(), "shop"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		untouched(t, what+", deleted", target, planted)
	}
}

// A link under a lock's name locks nothing: nobody outside can hold our lock, and
// taking it writes nothing outside.
func TestALockThatIsALinkIsNotFollowed(t *testing.T) {
	t.Parallel()
	file := fileOf("shop", lockSuffix)
	taken := content(t, file, func(f *File) error {
		_, err := f.TryLock(t.Context(), "shop", time.Hour)
		return err
	})
	for what, planted := range map[string]string{"a lock that is held": taken, "a dangling link": ""} {
		f := openFile(t, filepath.Join(t.TempDir(), "store"), quiet(t))
		target := outside(t, planted)
		link(t, target, f.path(file))
		l, err := f.TryLock(t.Context(), "shop", time.Hour)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		isFile(t, what, f.path(file))
		if _, err := f.TryLock(t.Context(), "shop", time.Hour); !errors.Is(err, token.ErrLocked) {
			t.Errorf("%s: taken twice: %v", what, err)
		}
		if err := l.Unlock(t.Context()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		untouched(t, what, target, planted)
	}
}

// The guard is opened in place, so a link there is an error: it would lock, or make,
// a file outside the directory.
func TestAGuardThatIsALinkIsAnError(t *testing.T) {
	t.Parallel()
	for what, planted := range map[string]string{"to a file": "x", "to nowhere": ""} {
		dir := filepath.Join(t.TempDir(), "store")
		f := openFile(t, dir, quiet(t))
		target := outside(t, planted)
		link(t, target, f.path(guardName))
		if _, err := NewFile(dir, nil); !errors.Is(err, errNotRegular) {
			t.Errorf("%s: NewFile says %v", what, err)
		}
		_, locked := f.TryLock(t.Context(), "shop", time.Minute)
		for op, err := range map[string]error{
			"Save": f.Save(t.Context(), "shop", record(1, "x")), "Delete": f.Delete(t.Context(), "shop"), "TryLock": locked,
		} {
			if !errors.Is(err, errNotRegular) {
				t.Errorf("%s: %s says %v", what, op, err)
			}
		}
		untouched(t, what, target, planted)
	}
}

// waitingContext closes waiting when somebody begins to wait for it.
type waitingContext struct {
	context.Context
	once    sync.Once
	waiting chan struct{}
}

func (c *waitingContext) Done() <-chan struct{} {
	c.once.Do(func() { close(c.waiting) })
	return c.Context.Done()
}

// A link that takes the guard's place while it is waited for guards nothing.
func TestAGuardThatBecomesALinkIsAnError(t *testing.T) {
	t.Parallel()
	f := openFile(t, filepath.Join(t.TempDir(), "store"), quiet(t))
	guard := flock.New(f.path(guardName))
	if ok, err := guard.TryLock(); !ok {
		t.Fatal(err)
	}
	ctx := &waitingContext{Context: patient(t), waiting: make(chan struct{})}
	saved := make(chan error, 1)
	go func() { saved <- f.Save(ctx, "shop", record(1, "x")) }()
	<-ctx.waiting
	target := outside(t, "x")
	next := f.path("next")
	link(t, target, next)
	if err := os.Rename(next, f.path(guardName)); err != nil {
		t.Fatal(err)
	}
	if err := <-saved; !errors.Is(err, errReplaced) {
		t.Errorf("Save says %v", err)
	}
	if err := guard.Close(); err != nil {
		t.Error(err)
	}
	untouched(t, "a link", target, "x")
}

func TestWhatIsOpenMustBeWhatIsThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "guard")
	link(t, outside(t, "x"), path)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := checkSame(file, path); !errors.Is(err, errReplaced) {
		t.Errorf("a link: %v", err)
	}
	if err := checkSame(file, file.Name()+".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
}
