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

// A small body ends up in memory of its own, whether its length was known or
// not: net/http may read it after the call, when blocks have another's bytes.
func TestShortBody(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes int
		known bool
		short bool
	}{
		{"a byte", 1, true, true},
		{"small", smallBody, true, true},
		{"small, of unknown length", smallBody, false, true},
		{"not small", smallBody + 1, true, false},
		{"not small, of unknown length", smallBody + 1, false, false},
		{"nothing, of unknown length", 0, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := randomBytes(c.bytes)
			pool := newBuffers()
			s := &spool{src: iotest.HalfReader(bytes.NewReader(want)), size: -1, max: 32 << 20, mem: blocks{pool: pool}}
			if c.known {
				s.size = int64(c.bytes)
			}
			if s.Held() != nil {
				t.Error("it is short before it has come")
			}
			if err := s.readAll(); err != nil {
				t.Fatal(err)
			}
			short := s.Held()
			if (short != nil) != c.short {
				t.Fatalf("short: %d bytes", len(short))
			}
			got, err := io.ReadAll(&reader{s: s})
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d other bytes, %v", len(got), err)
			}
			s.close()
			copy(pool.Get(), "somebody else's")
			if c.short && !bytes.Equal(short, want) {
				t.Error("it changed after the call")
			}
		})
	}
}
