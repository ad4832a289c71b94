package wechat

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/net/proxy"
)

// dialer makes connections to one host: directly, or through the egress proxy
// that the environment names for it.
type dialer struct {
	scheme  string
	address string   // host:port
	name    string   // for the certificate
	egress  *url.URL // nil: none
	session tls.ClientSessionCache
	readers sync.Pool                                                            // of *bufio.Reader, for the lean road
	roots   *x509.CertPool                                                       // nil: the system's
	open    func(ctx context.Context, network, address string) (net.Conn, error) // nil: over the network
}

func newDialer(base *url.URL, roots *x509.CertPool) (*dialer, error) {
	egress, err := http.ProxyFromEnvironment(&http.Request{URL: base})
	if err != nil {
		return nil, errors.New("invalid URL in HTTPS_PROXY or HTTP_PROXY") // err may quote a password
	}
	return &dialer{
		scheme: base.Scheme, address: withPort(base), name: base.Hostname(), egress: egress,
		session: tls.NewLRUClientSessionCache(64), roots: roots,
	}, nil
}

// withPort returns u's host and port.
func withPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// wholeURL reports whether requests name the whole URL: plain HTTP behind an
// HTTP proxy.
func (d *dialer) wholeURL() bool {
	return d.scheme == "http" && d.egress != nil && (d.egress.Scheme == "http" || d.egress.Scheme == "https")
}

// egressName is the egress proxy's host and port, "" without one.
func (d *dialer) egressName() string {
	if d.egress == nil {
		return ""
	}
	return withPort(d.egress)
}

// dial connects and, for https, shakes hands. over is what HTTP is spoken over: w,
// or TLS over it. Its error is a *[Failure].
func (d *dialer) dial(ctx context.Context) (over net.Conn, w *wire, err error) {
	w, err = d.reach(ctx)
	if err != nil {
		return nil, nil, connectFailure(err)
	}
	if d.scheme != "https" {
		return w, w, nil
	}
	over, err = d.handshake(ctx, w, d.name)
	if err != nil {
		return nil, nil, connectFailure(err)
	}
	return over, w, nil
}

// handshake begins TLS over w.
func (d *dialer) handshake(ctx context.Context, w *wire, name string) (net.Conn, error) {
	w.records = true
	c := tls.Client(w, &tls.Config{
		ServerName: name, RootCAs: d.roots, ClientSessionCache: d.session, MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"}, // one sick connection is one sick call
	})
	if err := c.HandshakeContext(ctx); err != nil {
		_ = w.Close() // the handshake's error says more
		return nil, err
	}
	return c, nil
}

// reach opens the way to the host, through the egress proxy if there is one.
func (d *dialer) reach(ctx context.Context) (*wire, error) {
	if d.egress == nil {
		return d.tcp(ctx, d.address)
	}
	switch d.egress.Scheme {
	case "socks5", "socks5h":
		return d.socks(ctx)
	case "http", "https":
		return d.connect(ctx)
	}
	return nil, &Failure{Kind: ConnectFailed, Egress: d.egressName(), Detail: "unsupported proxy scheme; use http, https, socks5 or socks5h"}
}

func (d *dialer) tcp(ctx context.Context, address string) (*wire, error) {
	open := d.open
	if open == nil {
		open = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	c, err := open(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return newWire(c, nil), nil
}

func (d *dialer) socks(ctx context.Context) (*wire, error) {
	var auth *proxy.Auth
	if u := d.egress.User; u != nil {
		password, _ := u.Password()
		auth = &proxy.Auth{User: u.Username(), Password: password}
	}
	forward := &forwarder{d: d}
	s, err := proxy.SOCKS5("tcp", d.egressName(), auth, forward)
	if err != nil {
		return nil, d.egressFailed(err)
	}
	if _, err := s.(proxy.ContextDialer).DialContext(ctx, "tcp", d.address); err != nil {
		return nil, d.socksFailed(err)
	}
	return forward.made, nil // SOCKS adds nothing once it has connected
}

// forwarder dials the SOCKS proxy, and remembers the connection.
type forwarder struct {
	d    *dialer
	made *wire
}

// Dial implements proxy.Dialer.
func (f *forwarder) Dial(network, address string) (net.Conn, error) {
	return f.DialContext(context.Background(), network, address)
}

// DialContext implements proxy.ContextDialer.
func (f *forwarder) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	w, err := f.d.tcp(ctx, address)
	if err != nil {
		return nil, err
	}
	f.made = w
	return w, nil
}

// socksFailed tells an egress proxy that could be asked, and said no, from one
// that could not.
func (d *dialer) socksFailed(err error) error {
	f := d.egressFailed(err)
	if op := (*net.OpError)(nil); f.Kind == ConnectFailed && errors.As(err, &op) {
		f.Kind = EgressRefused
	}
	return f
}

// connect reaches the host through an HTTP proxy, with CONNECT where the host is
// to be spoken to in TLS.
func (d *dialer) connect(ctx context.Context) (*wire, error) {
	w, err := d.tcp(ctx, d.egressName())
	if err == nil && d.egress.Scheme == "https" {
		var secure net.Conn
		if secure, err = d.handshake(ctx, w, d.egress.Hostname()); err == nil {
			w = newWire(secure, w)
		}
	}
	if err != nil {
		return nil, d.egressFailed(err)
	}
	if d.wholeURL() {
		return w, nil
	}
	if err := d.tunnel(ctx, w); err != nil {
		_ = w.Close() // there is nothing at its other end
		return nil, err
	}
	return w, nil
}

func (d *dialer) tunnel(ctx context.Context, c net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: d.address}, Host: d.address, Header: http.Header{}}
	if auth := d.authorization(); auth != "" {
		r.Header.Set("Proxy-Authorization", auth)
	}
	if err := r.Write(c); err != nil {
		return d.egressFailed(cmp.Or(ctx.Err(), err))
	}
	in := bufio.NewReader(io.LimitReader(c, maxHeader))
	resp, err := http.ReadResponse(in, r)
	if err != nil {
		return d.egressFailed(cmp.Or(ctx.Err(), err))
	}
	_ = resp.Body.Close() // a tunnel has none, and a refused one's is of no use
	switch {
	case resp.StatusCode != http.StatusOK:
		return &Failure{Kind: EgressRefused, Egress: d.egressName(), Status: resp.StatusCode}
	case in.Buffered() > 0:
		return &Failure{Kind: EgressRefused, Egress: d.egressName(), Detail: "bytes behind its answer to CONNECT"}
	}
	return nil
}

// authorization is the value of Proxy-Authorization, "" without a user.
func (d *dialer) authorization() string {
	if d.egress == nil || d.egress.User == nil {
		return ""
	}
	password, _ := d.egress.User.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(d.egress.User.Username()+":"+password))
}

// egressFailed says that the egress proxy could not be used.
func (d *dialer) egressFailed(err error) *Failure {
	return &Failure{Kind: connectKind(err), Egress: d.egressName()}
}
