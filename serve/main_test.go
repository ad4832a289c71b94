package serve

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
