package serve

import (
	"net/http"
	"os"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
)

// No test can reach the internet.
func TestMain(m *testing.M) {
	http.DefaultTransport.(*http.Transport).DialContext = servetest.Loopback
	os.Exit(m.Run())
}
