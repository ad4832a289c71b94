package wechat

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
)

// No test reaches the internet: what is not loopback cannot be dialled.
func TestMain(m *testing.M) {
	http.DefaultTransport.(*http.Transport).DialContext = loopbackOnly
	os.Exit(m.Run())
}

func loopbackOnly(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("a test dials %s", addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}
