package admin

import (
	"os"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
)

// No test can reach the internet.
func TestMain(m *testing.M) {
	servetest.Offline()
	os.Exit(m.Run())
}

// missing skips a test because a program is not installed, or fails it if
// WTP_REQUIRE_ALL=1.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("WTP_REQUIRE_ALL") == "1" {
		t.Fatalf("%s is missing", what)
	}
	t.Skipf("%s is missing", what)
}
