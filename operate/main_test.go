package operate

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
)

// No test can reach the internet: the default transport dials only loopback.
func TestMain(m *testing.M) {
	http.DefaultTransport.(*http.Transport).DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			return nil, fmt.Errorf("a test dials %s", addr)
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	os.Exit(m.Run())
}
