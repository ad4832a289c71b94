package admin

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
)

// No test reaches the internet.
func TestMain(m *testing.M) {
	transport := http.DefaultTransport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if a, err := netip.ParseAddrPort(addr); err != nil || !a.Addr().IsLoopback() {
			return nil, fmt.Errorf("test dials %s", addr)
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	os.Exit(m.Run())
}

// missing skips a test because a program is not installed, or fails it if
// WTP_REQUIRE_ALL=1.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("WTP_REQUIRE_ALL") == "1" {
		t.Fatalf("%s is missing", what)
	}
	t.Skipf("%s is missing", what)
}
