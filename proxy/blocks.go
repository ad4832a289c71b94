package proxy

import (
	"bytes"
	"io"
)

// smallBody is what a body is kept in memory of its own size for, in bytes; a
// longer one gets blocks of bufferSize.
const smallBody = 4 << 10

// blocks keep bytes in memory, in pieces from the pool that answers are copied
// through: what grows by pieces is never copied to a larger place, and leaves
// nothing for the garbage collector. The zero blocks are empty.
type blocks struct {
	pool *buffers // nil: none
	list [][]byte // all of bufferSize, but for the only one of a small body
	n    int64    // bytes kept
}

// add appends p. size is how many bytes there will be in all, as far as that is
// known, else -1.
func (b *blocks) add(p []byte, size int64) {
	for len(p) > 0 {
		i, at := int(b.n/bufferSize), b.n%bufferSize
		if i == len(b.list) {
			b.list = append(b.list, b.next(size))
		}
		n := copy(b.list[i][at:], p)
		p = p[n:]
		b.n += int64(n)
	}
}

func (b *blocks) next(size int64) []byte {
	if size >= b.n && size <= smallBody {
		return make([]byte, size)
	}
	return b.pool.Get()
}

// readAt copies what is kept from off on, which is not beyond the end. It may
// be less than fits into p.
func (b *blocks) readAt(p []byte, off int64) int {
	p = p[:min(int64(len(p)), b.n-off)]
	return copy(p, b.list[off/bufferSize][off%bufferSize:])
}

// writeTo writes all that is kept to w.
func (b *blocks) writeTo(w io.Writer) error {
	for i, block := range b.list {
		block = block[:min(int64(len(block)), b.n-int64(i)*bufferSize)]
		if _, err := w.Write(block); err != nil {
			return err
		}
	}
	return nil
}

// short returns what is kept, if it is in memory of its own.
func (b *blocks) short() []byte {
	if len(b.list) != 1 || len(b.list[0]) > smallBody {
		return nil
	}
	return b.list[0][:b.n]
}

// shrink moves the bytes of a small body of unknown length, now that all have
// come, out of the block that they have to themselves.
func (b *blocks) shrink() {
	if b.n == 0 || b.n > smallBody || len(b.list[0]) <= smallBody {
		return
	}
	small := bytes.Clone(b.list[0][:b.n])
	b.pool.Put(b.list[0])
	b.list[0] = small
}

// free gives the memory back.
func (b *blocks) free() {
	for _, block := range b.list {
		if len(block) == bufferSize {
			b.pool.Put(block)
		}
	}
	b.list, b.n = nil, 0
}
