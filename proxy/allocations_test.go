//go:build !race

package proxy

import "testing"

// Not under the race detector: there sync.Pool forgets on purpose.

// allocationsMost is how many allocations a GET may cost more than through a bare
// ReverseProxy over net/http's transport; loggedMost is with a log line for a part
// of the calls. Both are below zero, for the lean road of package wechat costs less
// than that transport. They are just above what is reached (-14 both, with Go
// 1.26): who adds one should know what for.
const (
	allocationsMost = -13
	loggedMost      = -12
)

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
		most float64
	}{
		{"quiet", Options{}, allocationsMost},
		{"with a log", loud(), loggedMost},
	} {
		p := benchProxy(t, backend, nil, c.opts)
		extra := allocations(t, p, benchTarget) - bare
		t.Logf("%s: %v allocations beyond a bare ReverseProxy's %v", c.name, extra, bare)
		if extra > c.most {
			t.Errorf("%s: a GET costs %v allocations more than through a bare ReverseProxy, want at most %v", c.name, extra, c.most)
		}
	}
}
