package operate

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

const healthTimeout = 5 * time.Second

// Healthcheck asks the proxy that runs with the same PROXY_ADMIN_LISTEN whether
// it is ready. It returns nil if it is. Other settings are not read, so that
// they need not be there.
func Healthcheck(ctx context.Context, environ config.Environ) error {
	address, _ := environ.Lookup("PROXY_ADMIN_LISTEN")
	if address == "" {
		address = config.DefaultOf("PROXY_ADMIN_LISTEN")
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return Usagef("PROXY_ADMIN_LISTEN=%s is not host:port", address)
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	status, answer, err := askRunning(ctx, address, "/readyz", "", secret.Secret{})
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("not ready: %s", answer)
	}
	return nil
}
