package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// connectError says that a host could not be connected to: nothing of the
// request has left us, so another host may have it, whatever its method.
type connectError struct{ err error }

func (e *connectError) Error() string { return "connect: " + e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// dialTimeout is well under a call's time, so that its end is known as a
// failure to connect, and another host can still be tried.
func dialTimeout(timeout time.Duration) time.Duration { return min(10*time.Second, timeout/4) }

// newTransport returns a transport of its own settings: net/http's default
// keeps two connections to a host.
func newTransport(timeout time.Duration) *http.Transport {
	d := dialer{net.Dialer{Timeout: dialTimeout(timeout), KeepAlive: 15 * time.Second}, dialTimeout(timeout), tls.NewLRUClientSessionCache(64)}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            d.dial,
		DialTLSContext:         d.dialTLS,
		TLSHandshakeTimeout:    d.timeout, // behind an HTTP proxy
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    512,
		IdleConnTimeout:        60 * time.Second, // below what gateways commonly keep
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1: one sick connection is one sick call
	}
}

type dialer struct {
	net     net.Dialer
	timeout time.Duration
	session tls.ClientSessionCache
}

func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.net.DialContext(ctx, network, addr)
	if err != nil {
		return nil, &connectError{err}
	}
	return conn, nil
}

func (d *dialer) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	raw, err := d.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		name = addr
	}
	conn := tls.Client(raw, &tls.Config{ServerName: name, ClientSessionCache: d.session, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12})
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // it is of no use; the handshake's error says more
		return nil, &connectError{err}
	}
	return conn, nil
}
