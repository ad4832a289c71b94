//go:build !unix

package wechat

import "net"

// probe cannot see here whether anything has arrived.
type probe struct{}

func newProbe(net.Conn) probe { return probe{} }

func (p *probe) silent() bool { return true }
