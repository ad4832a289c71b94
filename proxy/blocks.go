package proxy

import "io"

// smallBody is the largest body kept in a buffer of exactly its size, in bytes;
// longer ones use pooled blocks.
const smallBody = 4 << 10

// blocks store bytes in memory from a pool. They grow block by block, so that
// nothing is copied to larger memory and the garbage collector has no work. The
// zero value is empty.
type blocks struct {
	pool *buffers // may be nil
	list [][]byte // each of bufferSize, except the only one of a small body
	n    int64    // bytes stored
}

// add appends p. size is the length of the whole body, or -1 if it is unknown.
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

// readAt copies bytes from off on, which is not beyond the end. It may copy fewer
// than fit into p.
func (b *blocks) readAt(p []byte, off int64) int {
	p = p[:min(int64(len(p)), b.n-off)]
	return copy(p, b.list[off/bufferSize][off%bufferSize:])
}

// writeTo writes all bytes to w.
func (b *blocks) writeTo(w io.Writer) error {
	for i := range b.list {
		if _, err := w.Write(b.stored(i)); err != nil {
			return err
		}
	}
	return nil
}

// appendTo appends all bytes to p.
func (b *blocks) appendTo(p []byte) []byte {
	for i := range b.list {
		p = append(p, b.stored(i)...)
	}
	return p
}

// stored returns the bytes in the i-th block.
func (b *blocks) stored(i int) []byte {
	block := b.list[i]
	return block[:min(int64(len(block)), b.n-int64(i)*bufferSize)]
}

// free returns the memory to the pool.
func (b *blocks) free() {
	for _, block := range b.list {
		if len(block) == bufferSize {
			b.pool.Put(block)
		}
	}
	b.list, b.n = nil, 0
}
