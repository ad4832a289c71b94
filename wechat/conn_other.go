//go:build !unix

package wechat

import "net"

// silent cannot tell here whether anything has arrived.
func (c *conn) silent() bool { return true }

func (c *conn) prepare(net.Conn) {}
