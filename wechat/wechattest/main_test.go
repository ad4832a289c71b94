package wechattest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
)

// TestMain lets no test reach anything but loopback.
func TestMain(m *testing.M) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			return nil, fmt.Errorf("tests stay on loopback: cannot dial %s", addr)
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	http.DefaultTransport = t
	os.Exit(m.Run())
}
