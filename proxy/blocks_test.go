package proxy

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"testing/iotest"
)

// Whatever the pieces that bytes come in, the same bytes come out, from
// everywhere, also out of memory that others have used.
func TestBlocks(t *testing.T) {
	pool := newBuffers()
	for range 3 {
		used := pool.Get()
		copy(used, "somebody else's")
		pool.Put(used)
	}
	for _, c := range []struct {
		name  string
		bytes int
		known bool
		piece int
	}{
		{"small", 100, true, 100},
		{"small, byte by byte", 100, true, 1},
		{"just small", smallBody, true, 1000},
		{"small, of unknown length", 100, false, 7},
		{"no longer small", smallBody + 1, true, 4096},
		{"a block to the byte", bufferSize, true, 1000},
		{"two blocks and a byte", 2*bufferSize + 1, true, bufferSize},
		{"in pieces longer than a block", 5*bufferSize + 17, false, 3*bufferSize + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := randomBytes(c.bytes)
			size := int64(-1)
			if c.known {
				size = int64(c.bytes)
			}
			b := blocks{pool: pool}
			defer b.free()
			for piece := range slices.Chunk(want, c.piece) {
				b.add(piece, size)
			}
			for _, off := range []int{0, 1, c.bytes / 2, c.bytes - 1} {
				if got := readBlocks(&b, off); !bytes.Equal(got, want[off:]) {
					t.Fatalf("from %d: %d other bytes", off, len(got))
				}
			}
			var w bytes.Buffer
			if err := b.writeTo(&w); err != nil || !bytes.Equal(w.Bytes(), want) {
				t.Errorf("written: %d other bytes, %v", w.Len(), err)
			}
		})
	}
}

func readBlocks(b *blocks, off int) []byte {
	var got []byte
	p := make([]byte, 1000)
	for int64(off+len(got)) < b.n {
		got = append(got, p[:b.readAt(p, int64(off+len(got)))]...)
	}
	return got
}

// A failed write is told.
func TestBlocksWriteError(t *testing.T) {
	b := blocks{}
	b.add([]byte("x"), -1)
	r, w := io.Pipe()
	_ = r.Close()
	if err := b.writeTo(w); err != io.ErrClosedPipe {
		t.Errorf("got %v", err)
	}
	b.free()
}

// A short body is held as soon as all of it has come, whether its length was
// known or not.
func TestHeldBody(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes int
		known bool
		held  bool
	}{
		{"a byte", 1, true, true},
		{"small", smallBody, true, true},
		{"small, of unknown length", smallBody, false, true},
		{"not small", smallBody + 1, true, true},
		{"two blocks", heldBody, true, true},
		{"two blocks, of unknown length", heldBody, false, true},
		{"long", heldBody + 1, true, false},
		{"long, of unknown length", heldBody + 1, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := randomBytes(c.bytes)
			s := &spool{src: iotest.HalfReader(bytes.NewReader(want)), size: -1, max: 32 << 20, mem: blocks{pool: newBuffers()}}
			if c.known {
				s.size = int64(c.bytes)
			}
			if s.Held() {
				t.Error("it is held before it has come")
			}
			if err := s.readAll(); err != nil {
				t.Fatal(err)
			}
			if s.Held() != c.held {
				t.Fatalf("held: %v", s.Held())
			}
			if got, err := io.ReadAll(&reader{s: s}); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d other bytes, %v", len(got), err)
			}
			for range 2 { // a call may be repeated
				if got := s.AppendTo([]byte("head")); c.held && !bytes.Equal(got, append([]byte("head"), want...)) {
					t.Errorf("%d other bytes behind the head", len(got))
				}
			}
			s.close()
		})
	}
}
