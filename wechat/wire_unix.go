//go:build unix

package wechat

import (
	"errors"
	"net"
	"syscall"
)

// probe looks at a connection without reading from it, at the cost of one system
// call and no memory. The zero probe sees nothing.
type probe struct {
	raw   syscall.RawConn
	look  func(fd uintptr) // sets found
	found error
}

func newProbe(tcp net.Conn) (p probe) {
	s, ok := tcp.(syscall.Conn)
	if !ok {
		return probe{}
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return probe{}
	}
	return probe{raw: raw}
}

// silent reports whether nothing has arrived that nobody has read yet: neither
// bytes nor the end of the connection.
func (p *probe) silent() bool {
	if p.raw == nil {
		return true
	}
	if p.look == nil {
		var one [1]byte
		p.look = func(fd uintptr) {
			_, _, p.found = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		}
	}
	return p.raw.Control(p.look) == nil && errors.Is(p.found, syscall.EAGAIN)
}
