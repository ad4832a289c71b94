package main

import (
	"context"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve"
	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
)

// here is a proxy within the test's process. It ends with the test.
type here struct {
	t          testing.TB
	url, admin string // base URLs
	log        *servetest.Output
	// end ends it and returns what Wait did.
	end func() error
}

// serveHere starts a proxy with variables as its environment; unless they say
// otherwise it listens on free ports.
func serveHere(t testing.TB, variables ...string) *here {
	t.Helper()
	h := &here{t: t, log: servetest.NewOutput()}
	environ := append([]string{"PROXY_LISTEN=127.0.0.1:0", "PROXY_ADMIN_LISTEN=127.0.0.1:0", "PROXY_SHUTDOWN_GRACE=2s"}, variables...)
	cfg, log, err := serve.Load(environ, h.log)
	if err != nil {
		t.Fatal(err)
	}
	s, err := serve.Start(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	h.url, h.admin = s.URL(), s.AdminURL()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Wait(ctx)
		close(ended)
	}()
	h.end = func() error {
		cancel()
		return <-ended
	}
	t.Cleanup(func() { _ = h.end() })
	return h
}

// readyz returns the answer of /readyz.
func (h *here) readyz() servetest.Answer {
	h.t.Helper()
	return servetest.MustCall(h.t, servetest.NewClient(h.t, nil), "GET "+h.admin+"/readyz", "")
}
