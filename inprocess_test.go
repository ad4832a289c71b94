package main

import (
	"context"
	"testing"
)

// here is a proxy within the test's process. It ends with the test.
type here struct {
	*server
	log   *output
	admin string // its base URL
	// end ends it and returns what wait did.
	end func() error
}

// serveHere starts a proxy with variables as its environment; unless they say
// otherwise it listens on free ports.
func serveHere(t testing.TB, variables ...string) *here {
	t.Helper()
	h := &here{log: newOutput()}
	e := environment(append([]string{"PROXY_LISTEN=127.0.0.1:0", "PROXY_ADMIN_LISTEN=127.0.0.1:0", "PROXY_SHUTDOWN_GRACE=2s"}, variables...))
	cfg, log, err := load(e, h.log)
	if err != nil {
		t.Fatal(err)
	}
	if h.server, err = start(t.Context(), cfg, log); err != nil {
		t.Fatal(err)
	}
	h.admin = "http://" + h.adminAt.String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- h.wait(ctx)
		close(ended)
	}()
	h.end = func() error {
		cancel()
		return <-ended
	}
	t.Cleanup(func() { _ = h.end() })
	return h
}
