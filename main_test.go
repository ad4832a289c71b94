package main

import (
	"os"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
)

// No test can reach the internet: the default transport dials only loopback.
// With WTP_TEST_RUN=1 the test binary is the program itself, so that tests can
// start it, and kill it.
func TestMain(m *testing.M) {
	servetest.Offline()
	if os.Getenv(runVariable) == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

const runVariable = "WTP_TEST_RUN"
