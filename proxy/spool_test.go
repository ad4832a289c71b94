package proxy

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func randomBytes(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

func TestSpoolReadsAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes int
		known bool
	}{
		{"small, of known length", 100, true},
		{"small, of unknown length", 100, false},
		{"a mebibyte to the byte", spoolInMemory, true},
		{"one byte more", spoolInMemory + 1, false},
		{"long", 3<<20 + 17, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := randomBytes(c.bytes)
			s := &spool{src: iotest.HalfReader(bytes.NewReader(want)), size: -1, max: 32 << 20, tempDir: t.TempDir()}
			if c.known {
				s.size = int64(c.bytes)
			} else if err := s.readAll(); err != nil || s.size != int64(c.bytes) {
				t.Fatalf("readAll: %v, size %d", err, s.size)
			}
			for range 3 {
				got, err := io.ReadAll(&reader{s: s})
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d bytes, %v", len(got), err)
				}
			}
			if left, _ := os.ReadDir(s.tempDir); len(left) != 0 {
				t.Errorf("a file with a name: %v", left)
			}
			s.close()
			if _, err := (&reader{s: s}).Read(make([]byte, 1)); !errors.Is(err, errClosed) {
				t.Errorf("after close: %v", err)
			}
		})
	}
}

// A second send begins while the client is still sending: it gets what has
// come so far, and goes on with the rest.
func TestSpoolGoesOnWithTheClient(t *testing.T) {
	want := randomBytes(2 << 20)
	s := &spool{src: bytes.NewReader(want), size: int64(len(want)), max: 32 << 20, tempDir: t.TempDir()}
	defer s.close()
	first := &reader{s: s}
	if _, err := io.CopyN(io.Discard, first, 1_300_000); err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	got, err := io.ReadAll(&reader{s: s})
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func TestSpoolBounds(t *testing.T) {
	t.Run("longer than allowed", func(t *testing.T) {
		s := &spool{src: strings.NewReader(strings.Repeat("x", 100)), size: -1, max: 99}
		if err := s.readAll(); !errors.Is(err, errTooLong) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the client breaks off", func(t *testing.T) {
		s := &spool{src: io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(io.ErrUnexpectedEOF)), size: 10, max: 99}
		_, err := io.ReadAll(&reader{s: s})
		if !errors.Is(err, errCutShort) || !errors.Is(s.failed(), errCutShort) {
			t.Errorf("got %v, %v", err, s.failed())
		}
	})
	t.Run("a client that is too slow", func(t *testing.T) {
		s := &spool{src: iotest.ErrReader(os.ErrDeadlineExceeded), size: -1, max: 99}
		if err := s.readAll(); !errors.Is(err, errSlow) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no disk: it goes up once", func(t *testing.T) {
		want := randomBytes(2 << 20)
		s := &spool{src: bytes.NewReader(want), size: int64(len(want)), max: 32 << 20, tempDir: filepath.Join(t.TempDir(), "none")}
		got, err := io.ReadAll(&reader{s: s})
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if s.Repeatable() {
			t.Error("it says it can be repeated")
		}
		if _, err := io.ReadAll(&reader{s: s}); !errors.Is(err, errNotKept) {
			t.Errorf("the second time: %v", err)
		}
	})
	t.Run("no disk and no length", func(t *testing.T) {
		s := &spool{src: bytes.NewReader(randomBytes(2 << 20)), size: -1, max: 32 << 20, tempDir: filepath.Join(t.TempDir(), "none")}
		if err := s.readAll(); !errors.Is(err, errNotKept) {
			t.Errorf("got %v", err)
		}
	})
}
