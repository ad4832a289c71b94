package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
)

// Run serves with the settings of the environment until ctx ends. Settings that
// are wrong are a [config.Problems]; nothing was started then.
func Run(ctx context.Context, environ config.Environ, stderr io.Writer) error {
	cfg, log, err := Load(environ, stderr)
	if err != nil {
		return err
	}
	s, err := Start(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer tuneHeap()()
	return s.Wait(ctx)
}

// Load reads the settings and returns them with the logger that they ask for.
// Warnings about them are logged; if there is an error they are written to
// stderr, because a misspelt variable may be the cause.
func Load(environ config.Environ, stderr io.Writer) (*config.Config, *slog.Logger, error) {
	cfg, warnings, err := config.Load(environ.Lookup, environ)
	if err != nil {
		for _, w := range warnings {
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

// Server is a proxy that listens.
type Server struct {
	app     *app
	cfg     *config.Config
	clients *http.Server
	admins  *http.Server
	address net.Addr // of the clients' listener
	adminAt net.Addr
	failed  chan error     // of a listener
	running sync.WaitGroup // goroutines that end with the server
	stop    context.CancelFunc
}

// Bounds on how long a client may take. Bodies and answers have bounds of their
// own, which depend on their progress.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	answerTimeout = 15 * time.Minute
	maxHeader     = 64 << 10 // bytes
)

// Start listens on the addresses of cfg, which must come from [Load], and serves
// there. When it returns without an error the proxy takes calls, and goes on
// until [Server.Wait] ends it; the end of ctx alone does not.
func Start(ctx context.Context, cfg *config.Config, log *slog.Logger) (*Server, error) {
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
		_ = clients.Close() // no connection was accepted yet
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	a, err := newApp(ctx, cfg, log)
	if err != nil {
		stop()
		_, _ = clients.Close(), admins.Close() // as above
		return nil, err
	}
	s := &Server{
		app: a, cfg: cfg, failed: make(chan error, 2), stop: stop,
		address: clients.Addr(), adminAt: admins.Addr(),
		clients: &http.Server{
			Handler: logPanics(log, a.proxy), ErrorLog: serverLog(log), MaxHeaderBytes: maxHeader, DisableGeneralOptionsHandler: true,
			ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, WriteTimeout: answerTimeout,
		},
		admins: &http.Server{
			Handler: logPanics(log, a.admin), ErrorLog: serverLog(log), MaxHeaderBytes: maxHeader,
			ReadHeaderTimeout: headerTimeout, ReadTimeout: time.Minute, IdleTimeout: idleTimeout,
		},
	}
	s.serveOn(s.clients, certs.wrap(clients))
	s.serveOn(s.admins, admins)
	s.running.Go(func() { certs.watch(ctx, cfg, log) })
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // before "serving" is logged: until here it ends the process
	s.running.Go(func() { a.watchSettings(ctx, hup) })
	if a.quotas != nil {
		s.running.Go(func() { a.quotas.run(ctx, cfg.QuotaEvery) })
	}
	log.Info("serving", "address", s.URL(), "admin", s.AdminURL(), "version", readBuild().version)
	return s, nil
}

func listen(variable, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", variable, address, err)
	}
	return l, nil
}

func (s *Server) serveOn(h *http.Server, l net.Listener) {
	s.running.Go(func() {
		if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	})
}

// URL returns the base URL for clients, with the port that was chosen if the
// settings say 0.
func (s *Server) URL() string {
	if s.cfg.TLS.CertFile != "" {
		return "https://" + s.address.String()
	}
	return "http://" + s.address.String()
}

// AdminURL returns the base URL of the admin endpoints.
func (s *Server) AdminURL() string { return "http://" + s.adminAt.String() }

// Wait serves until ctx ends or a listener fails, and returns that failure. It
// then lets calls in flight finish, for PROXY_SHUTDOWN_GRACE at most, and ends
// everything that [Start] began.
func (s *Server) Wait(ctx context.Context) error {
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-s.failed:
	}
	s.app.draining.Store(true)
	log := s.app.log
	log.Info("shutdown", "grace", s.cfg.ShutdownGrace)
	grace, cancel := context.WithTimeout(context.Background(), s.cfg.ShutdownGrace)
	defer cancel()
	if err := s.clients.Shutdown(grace); err != nil {
		log.Warn("shutdown", "err", "grace period expired with calls in flight")
		_ = s.clients.Close() // breaks them off
		for end := time.Now().Add(2 * time.Second); s.app.proxy.InFlight() > 0 && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond) // each still writes its log line
		}
	}
	_ = s.admins.Close() // not Shutdown: event streams never end by themselves
	s.stop()
	s.running.Wait() // a reload must not change what is being closed
	s.app.close()
	return failure
}
