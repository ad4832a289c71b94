//go:build !race

package proxy

import "testing"

// Not under the race detector: there sync.Pool forgets on purpose.

// allocationsMost is how many allocations a GET may cost more than through a bare
// ReverseProxy over net/http's transport, with a log line for a part of the calls or
// without. It is below zero, for the lean road of package wechat costs less than that
// transport, and the client's header is not copied; and just above what is reached
// (-23, with Go 1.26): who adds one should know what for.
const allocationsMost = -22

// What the proxy costs in allocations beyond a bare ReverseProxy over net/http's
// transport, both in front of a backend that allocates nothing.
func TestAllocations(t *testing.T) {
	backend := benchBackend(t)
	transport := benchTransport()
	t.Cleanup(transport.CloseIdleConnections)
	bare := allocations(t, bareProxy(transport, backend), benchTarget+"&access_token="+benchToken())
	for _, c := range []struct {
		name string
		opts Options
	}{
		{"quiet", Options{}},
		{"with a log", loud()},
	} {
		p := benchProxy(t, backend, nil, c.opts)
		extra := allocations(t, p, benchTarget) - bare
		t.Logf("%s: %v allocations beyond a bare ReverseProxy's %v", c.name, extra, bare)
		if extra > allocationsMost {
			t.Errorf("%s: a GET costs %v allocations more than through a bare ReverseProxy, want at most %v", c.name, extra, allocationsMost)
		}
	}
}
