package wechat

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// connectionAge is how long a connection is used at most, so that changes of
	// DNS are followed.
	connectionAge = 10 * time.Minute
	// dropEvery is how often at most a host's connections are dropped because it
	// says that its access point is retired: a path that always says so must not
	// cost every other call its connection.
	dropEvery = 30 * time.Second
)

// pool is the connections to one host. They are replaced as a whole: when they
// are old, and when the host says that its access point is retired.
type pool struct {
	dialer  *dialer
	timeout time.Duration
	now     atomic.Pointer[generation]
	next    atomic.Pointer[generation] // is being filled by the reserve; mostly nil
	// heads never keeps a connection: a server that sends a body behind the answer
	// to a HEAD would have it taken for the next call's.
	heads *http.Transport

	reserve *reserve

	mu        sync.Mutex
	droppedAt time.Time
}

// generation is the connections made since it began.
type generation struct {
	*http.Transport // for bodies that stream
	lean            *leanPool
	until           time.Time
}

func (g *generation) close() {
	g.CloseIdleConnections()
	g.lean.close()
}

func newPool(d *dialer, timeout time.Duration) *pool {
	p := &pool{dialer: d, timeout: timeout}
	p.reserve = newReserve(p)
	p.heads = p.newTransport(&leanPool{})
	p.heads.DisableKeepAlives = true
	p.now.Store(p.newGeneration())
	return p
}

func (p *pool) newGeneration() *generation {
	jitter := time.Duration(rand.Int64N(int64(connectionAge / 10)))
	lean := &leanPool{}
	return &generation{p.newTransport(lean), lean, time.Now().Add(max(connectionAge-p.timeout, connectionAge/2) - jitter)}
}

// newTransport returns a transport of our own settings: net/http's default
// keeps two connections to a host. It takes connections that lean has ready. The
// dialer does what Transport.Proxy would.
func (p *pool) newTransport(lean *leanPool) *http.Transport {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		if c := lean.take(time.Now()); c != nil {
			p.reserve.lose()
			return newUsedConn(c), nil
		}
		ctx, cancel := context.WithTimeout(ctx, dialTimeout(p.timeout))
		defer cancel()
		over, w, err := p.dialer.dial(ctx)
		if err != nil {
			return nil, err
		}
		return newConn(over, w), nil
	}
	return &http.Transport{
		DialContext:            dial,
		DialTLSContext:         dial,
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
}

// current returns the present generation, a new one if it is old.
func (p *pool) current(now time.Time) *generation {
	g := p.now.Load()
	if now.Before(g.until) {
		return g
	}
	return p.replace(g)
}

// replace puts a generation without connections in the place of old, whose own
// close as soon as they are idle. Names are resolved again.
func (p *pool) replace(old *generation) *generation {
	defer p.reserve.lose()
	fresh := p.next.Swap(nil)
	if fresh == nil {
		fresh = p.newGeneration()
	}
	return p.swap(old, fresh)
}

// swap puts fresh in the place of old, unless another is there already.
func (p *pool) swap(old, fresh *generation) *generation {
	if !p.now.CompareAndSwap(old, fresh) {
		fresh.close()
		return p.now.Load()
	}
	old.close()
	return fresh
}

// retire replaces used, a generation that reached a retired access point, and
// reports whether there are other connections to try: not if all were dropped a
// moment ago.
func (p *pool) retire(used *generation, now time.Time) bool {
	if p.now.Load() != used {
		return true // somebody else was faster
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.droppedAt.IsZero() && now.Sub(p.droppedAt) < dropEvery {
		return false
	}
	p.droppedAt = now
	p.replace(used)
	return true
}

func (p *pool) close() {
	p.reserve.close()
	p.now.Load().close()
	p.heads.CloseIdleConnections()
}

// Connections are the connections to WeChat's hosts that several [Hosts] share.
// The zero value is ready for use.
type Connections struct {
	// RootCAs verify the hosts' certificates. If nil, the system's do.
	RootCAs *x509.CertPool

	mu    sync.Mutex
	pools map[string]*pool // :: scheme://host → pool
}

// pool returns the pool of a host.
func (c *Connections) pool(origin string, make func() (*pool, error)) (*pool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.pools[origin]; p != nil {
		return p, nil
	}
	p, err := make()
	if err != nil {
		return nil, err
	}
	if c.pools == nil {
		c.pools = map[string]*pool{}
	}
	c.pools[origin] = p
	return p, nil
}

// Close closes the connections that are not in use.
func (c *Connections) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.pools {
		p.close()
	}
}
