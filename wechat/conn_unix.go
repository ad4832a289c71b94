//go:build unix

package wechat

import (
	"errors"
	"net"
	"syscall"
)

// silent reports whether nothing has arrived that nobody has read yet: neither
// bytes nor the end of the connection. The transport's own goroutine may not have
// been woken for it so far.
func (c *conn) silent() bool {
	if c.raw == nil {
		return true
	}
	return c.raw.Control(c.look) == nil && errors.Is(c.found, syscall.EAGAIN)
}

// prepare has silent ready, so that it costs one system call and no memory.
func (c *conn) prepare(raw net.Conn) {
	s, ok := raw.(syscall.Conn)
	if !ok {
		return
	}
	var err error
	if c.raw, err = s.SyscallConn(); err != nil {
		c.raw = nil // then nobody looks
		return
	}
	var one [1]byte
	c.look = func(fd uintptr) {
		_, _, c.found = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	}
}
