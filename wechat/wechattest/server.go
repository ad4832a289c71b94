package wechattest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// defaultLife is WeChat's expires_in, according to its documents.
const defaultLife = 7200 * time.Second

// Options configures a Server. The zero value has no accounts.
type Options struct {
	// Accounts are the known accounts. Of several MP accounts with the same appid
	// the first counts.
	Accounts []Account
	// Now is the clock that [Server.Advance] moves. If nil, time.Now.
	Now func() time.Time
	// TokenLife is the life of every token. If 0, 7200 s. Tickets always live
	// 7200 s.
	TokenLife time.Duration
	// NoOverlap ends a token of /cgi-bin/token as soon as the next one is fetched,
	// instead of five minutes later.
	NoOverlap bool
	// ForceOverlap is how long a stable token stays valid after a forced renewal
	// replaced it. WeChat promises nothing; 0 ends it at once.
	ForceOverlap time.Duration
	// TLS makes NewServer use TLS with a self-signed certificate, see
	// [Server.Certificate].
	TLS bool
	// AllowIPs is the initial list of [Server.AllowIPs]. If nil, all addresses may
	// call.
	AllowIPs []string
}

// Server simulates WeChat. Its methods are safe for concurrent use.
type Server struct {
	// URL is the base URL of api.weixin.qq.com and WeComURL that of
	// qyapi.weixin.qq.com, without a trailing slash. Both are "" for a Server
	// made by [New], or if NewServer could not listen.
	URL, WeComURL string

	opts   Options
	life   time.Duration
	offset atomic.Int64 // set by Advance, in nanoseconds
	jpeg   []byte       // the picture that is downloaded
	done   chan struct{}

	hosts   map[errcode.Platform]*http.Server // nil for a Server made by New
	tls     *tls.Config
	cert    *x509.Certificate
	err     error
	serving sync.WaitGroup // the listeners

	mu           sync.Mutex
	closed       bool
	active       int           // calls being served
	idle         chan struct{} // closed once the server is closed and no call is active
	allow        []string
	accounts     []*account
	official     map[string]*account   // MP accounts by appid
	corps        map[string][]*account // WeCom agents by corpid
	failedLogins failedLogins
	tokens       map[string]*issuedToken // by value
	refreshes    map[string]*issuedToken // users' last tokens by refresh_token
	codes        map[string]bool         // users' codes that were used
	media        map[string]string       // types by media_id
	issued       []string
	troubles     []Trouble
	limits       map[string]limit
	usages       map[usageKey]*usage
	log          journal
	counts       map[string]int
}

// New returns a Server that does not listen. Call it through
// [Server.RoundTripper], or use it as an http.Handler. To be used in a
// testing/synctest bubble it must be created there. The caller must call
// [Server.Close].
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		opts:      o,
		life:      o.TokenLife,
		jpeg:      jpegImage(),
		done:      make(chan struct{}),
		allow:     o.AllowIPs,
		official:  make(map[string]*account),
		corps:     make(map[string][]*account),
		tokens:    make(map[string]*issuedToken),
		refreshes: make(map[string]*issuedToken),
		codes:     make(map[string]bool),
		media:     make(map[string]string),
		limits:    documentedLimits(),
		usages:    make(map[usageKey]*usage),
		counts:    make(map[string]int),
	}
	if s.life <= 0 {
		s.life = defaultLife
	}
	for _, a := range o.Accounts {
		s.add(a)
	}
	return s
}

func (s *Server) add(a Account) {
	acct := &account{Account: a, tickets: make(map[string]ticket)}
	switch {
	case a.WeCom:
		s.corps[a.AppID] = append(s.corps[a.AppID], acct)
	case s.official[a.AppID] == nil:
		s.official[a.AppID] = acct
	default:
		return
	}
	s.accounts = append(s.accounts, acct)
}

// NewServer returns a Server that listens on two free ports of 127.0.0.1: URL
// for MP, WeComURL for WeCom. If that fails, [Server.Err] returns the error.
// The caller must call [Server.Close].
func NewServer(o Options) *Server {
	s := New(o)
	s.hosts = make(map[errcode.Platform]*http.Server)
	for _, p := range []errcode.Platform{errcode.MP, errcode.WeCom} {
		s.hosts[p] = &http.Server{
			Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serveHTTP(w, r, p) }),
			ReadHeaderTimeout: time.Minute,
			ErrorLog:          log.New(io.Discard, "", 0),
		}
	}
	if o.TLS {
		if s.err = s.certify(); s.err != nil {
			return s
		}
	}
	if s.URL, s.err = s.Listen(); s.err == nil {
		s.WeComURL, s.err = s.ListenWeCom()
	}
	return s
}

// Err returns why NewServer could not listen, nil if it listens.
func (s *Server) Err() error { return s.err }

// Listen opens another address of MP, as api2.weixin.qq.com is one of
// api.weixin.qq.com, and returns its base URL. It fails on a Server made by
// [New].
func (s *Server) Listen() (baseURL string, err error) { return s.listen(errcode.MP) }

// ListenWeCom is [Server.Listen] for WeCom.
func (s *Server) ListenWeCom() (baseURL string, err error) { return s.listen(errcode.WeCom) }

func (s *Server) listen(p errcode.Platform) (baseURL string, err error) {
	if s.hosts == nil {
		return "", fmt.Errorf("wechattest: a server made by New does not listen")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("wechattest: %w", err)
	}
	scheme := "http://"
	addr := l.Addr().String()
	if s.tls != nil {
		scheme = "https://"
		l = tls.NewListener(l, s.tls)
	}
	s.serving.Go(func() { _ = s.hosts[p].Serve(l) })
	return scheme + addr, nil
}

// Close closes the listeners and all connections and ends calls that hang. It
// returns when the last call has ended. Later calls are answered 503.
func (s *Server) Close() {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	if first {
		close(s.done)
		s.idle = make(chan struct{})
		if s.active == 0 {
			close(s.idle)
		}
	}
	s.mu.Unlock()
	for _, h := range s.hosts {
		_ = h.Close()
	}
	s.serving.Wait()
	<-s.idle
}

// enter counts an active call. It reports false if the server is closed.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.active++
	return true
}

// leave ends an active call.
func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
	if s.closed && s.active == 0 {
		close(s.idle)
	}
}

// ServeHTTP answers a request as the host it names would: WeCom if r.Host is
// qyapi.weixin.qq.com, MP otherwise. With a ResponseWriter that cannot be
// hijacked, [Reset] becomes an empty 502 and [Cut] an answer that just ends.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.serveHTTP(w, r, platformOf(r.Host))
}

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request, p errcode.Platform) {
	if !s.enter() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer s.leave()
	q := s.begin(r, p)
	a := s.answer(q)
	s.end(q, &a)
	s.deliver(w, q, a)
}
