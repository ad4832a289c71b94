//go:build !race

package proxy

import "testing"

// Not under the race detector: there sync.Pool forgets on purpose.

// allocationsMost is how many allocations a GET may cost beyond those of a bare
// ReverseProxy with the same settings; loggedMost is with a log line for a part
// of the calls. They are just above what is reached (18 both, with Go 1.26; one is the wait for a clean connection): who
// adds one should know what for.
const (
	allocationsMost = 18
	loggedMost      = 20
)

// What the proxy does more than ReverseProxy costs a bounded number of
// allocations.
func TestAllocations(t *testing.T) {
	bare := allocations(t, bareProxy(stubTransport{}, "http://wechat.invalid"), benchTarget+"&access_token="+benchToken())
	for _, c := range []struct {
		name string
		opts Options
		most float64
	}{
		{"quiet", Options{}, allocationsMost},
		{"with a log", loud(), loggedMost},
	} {
		p := benchProxy(t, "http://wechat.invalid", stubTransport{}, c.opts)
		extra := allocations(t, p, benchTarget) - bare
		t.Logf("%s: %v allocations beyond a bare ReverseProxy's %v", c.name, extra, bare)
		if extra > c.most {
			t.Errorf("%s: a GET costs %v allocations more than through a bare ReverseProxy, want at most %v", c.name, extra, c.most)
		}
	}
}
