package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
)

// serve serves with the settings of the environment until ctx ends.
func serve(ctx context.Context, e env, stderr io.Writer) error {
	cfg, log, err := load(e, stderr)
	if err != nil {
		return err
	}
	s, err := start(ctx, cfg, log)
	if err != nil {
		return err
	}
	reserve := make([]byte, gcReserve)
	defer runtime.KeepAlive(reserve)
	return s.wait(ctx)
}

// gcReserve is memory that is never touched, so that it takes none, but that the
// garbage collector counts as live: under load it then collects a few times a
// second and not a hundred times. GOGC would do that too, but multiplies a large
// heap.
const gcReserve = 8 << 20

// load reads the settings, and tells what is odd about them.
func load(e env, stderr io.Writer) (*config.Config, *slog.Logger, error) {
	cfg, warnings, err := config.Load(e.lookup, e.all)
	if err != nil {
		for _, w := range warnings { // a misspelt name may be why
			fmt.Fprintln(stderr, "wechat-token-proxy:", w)
		}
		return nil, nil, err
	}
	log := newLogger(stderr, cfg.LogFormat, cfg.LogLevel)
	for _, w := range warnings {
		log.Warn("settings", "hint", w)
	}
	return cfg, log, nil
}

// server is a proxy that listens.
type server struct {
	*app
	cfg     *config.Config
	clients *http.Server
	admins  *http.Server
	address net.Addr // of the clients' listener
	adminAt net.Addr
	failed  chan error
	running sync.WaitGroup // what ends with the server
	stop    context.CancelFunc
}

// Bounds on what a client may take its time for. Bodies and answers have
// bounds of their own, by progress.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	answerTimeout = 15 * time.Minute
	maxHeader     = 64 << 10
)

// start listens and serves. The caller waits.
func start(ctx context.Context, cfg *config.Config, log *slog.Logger) (*server, error) {
	certs, err := newCerts(cfg.TLS)
	if err != nil {
		return nil, err
	}
	clients, err := listen("PROXY_LISTEN", cfg.Listen)
	if err != nil {
		return nil, err
	}
	admins, err := listen("PROXY_ADMIN_LISTEN", cfg.AdminListen)
	if err != nil {
		_ = clients.Close() // nobody was served yet
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	a, err := newApp(ctx, cfg, log)
	if err != nil {
		stop()
		_, _ = clients.Close(), admins.Close() // as above
		return nil, err
	}
	s := &server{
		app: a, cfg: cfg, failed: make(chan error, 2), stop: stop,
		address: clients.Addr(), adminAt: admins.Addr(),
		clients: &http.Server{
			Handler: a.proxy, ErrorLog: serverLog(log), MaxHeaderBytes: maxHeader, DisableGeneralOptionsHandler: true,
			ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, WriteTimeout: answerTimeout,
		},
		admins: &http.Server{
			Handler: a.admin, ErrorLog: serverLog(log), MaxHeaderBytes: maxHeader,
			ReadHeaderTimeout: headerTimeout, ReadTimeout: time.Minute, IdleTimeout: idleTimeout,
		},
	}
	s.serveOn(s.clients, certs.wrap(clients))
	s.serveOn(s.admins, admins)
	s.running.Go(func() { certs.watch(ctx, cfg, log) })
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // before "serving" is told: until then it ends the process
	s.running.Go(func() { s.watchSettings(ctx, hup) })
	if a.quotas != nil {
		s.running.Go(func() { a.quotas.run(ctx, cfg.QuotaEvery) })
	}
	log.Info("serving", "address", s.url(), "admin", "http://"+s.adminAt.String(), "version", readBuild().version)
	return s, nil
}

func listen(variable, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", variable, address, err)
	}
	return l, nil
}

func (s *server) serveOn(h *http.Server, l net.Listener) {
	s.running.Go(func() {
		if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	})
}

// url is where clients call.
func (s *server) url() string {
	if s.cfg.TLS.CertFile != "" {
		return "https://" + s.address.String()
	}
	return "http://" + s.address.String()
}

// wait serves until ctx ends or a listener fails, then lets the calls in flight
// end, within the grace.
func (s *server) wait(ctx context.Context) error {
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-s.failed:
	}
	s.draining.Store(true)
	s.log.Info("shutdown", "grace", s.cfg.ShutdownGrace)
	grace, cancel := context.WithTimeout(context.Background(), s.cfg.ShutdownGrace)
	defer cancel()
	if err := s.clients.Shutdown(grace); err != nil {
		s.log.Warn("shutdown", "err", "calls were still in flight at the end of the grace")
		_ = s.clients.Close() // that is all that can be done
		for end := time.Now().Add(2 * time.Second); s.proxy.InFlight() > 0 && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond) // they still have a line to write
		}
	}
	_ = s.admins.Close() // its listeners never end by themselves
	s.stop()
	s.close()
	s.running.Wait()
	return failure
}

// watchSettings applies the settings again when their files change, or on
// SIGHUP, which comes through hup.
func (s *server) watchSettings(ctx context.Context, hup chan os.Signal) {
	defer signal.Stop(hup)
	changed := make(chan struct{}, 1)
	for watching := watch(s.inForce.Load().Watch); ctx.Err() == nil; {
		round, stop := context.WithCancel(ctx)
		now := watching // the next round's is another
		s.running.Go(func() {
			if err := now(round, func() { notify(changed) }); err != nil && round.Err() == nil {
				s.log.Warn("settings", "err", err)
			}
		})
		select {
		case <-ctx.Done():
		case <-hup:
			watching = s.reload()
		case <-changed:
			watching = s.reload()
		}
		stop() // other files may be named now
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it has been told already
	}
}

// healthcheck asks a running proxy whether it is ready.
func healthcheck(ctx context.Context, e env) error {
	address, _ := e.lookup("PROXY_ADMIN_LISTEN")
	if address == "" {
		address = "127.0.0.1:8081"
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return usage("PROXY_ADMIN_LISTEN=%s is not host:port", address)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(address)+"/readyz", nil)
	if err != nil {
		return usage("PROXY_ADMIN_LISTEN=%s is not host:port", address)
	}
	t := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}} // no proxy of the environment's
	defer t.CloseIdleConnections()
	resp, err := t.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("nobody answers at %s: %w", address, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // words for the operator, if they come
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", body)
	}
	return nil
}
