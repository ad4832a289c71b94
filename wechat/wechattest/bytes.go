package wechattest

import (
	"errors"
	"io"
)

// Bytes is what a big download consists of: size bytes, the one at i being
// i mod 251. It costs no memory to speak of.
func Bytes(size int64) io.ReadSeeker { return &pattern{size: size} }

type pattern struct{ size, at int64 }

const period = 251 // a prime, so that no block of a power of two repeats

func (p *pattern) Read(b []byte) (int, error) {
	if p.at >= p.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.size-p.at))
	for i := range n {
		b[i] = byte((p.at + int64(i)) % period)
	}
	p.at += int64(n)
	return n, nil
}

// WriteTo implements [io.WriterTo]: it computes one block only.
func (p *pattern) WriteTo(w io.Writer) (int64, error) {
	var block [128 * period]byte
	for i := range block {
		block[i] = byte((p.at + int64(i)) % period)
	}
	var sum int64
	for p.at < p.size {
		n, err := w.Write(block[:min(int64(len(block)), p.size-p.at)])
		p.at += int64(n)
		sum += int64(n)
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

func (p *pattern) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.at
	case io.SeekEnd:
		offset += p.size
	}
	if offset < 0 {
		return 0, errors.New("wechattest: seek before the start")
	}
	p.at = offset
	return offset, nil
}
