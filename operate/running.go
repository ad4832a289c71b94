package operate

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// maxAdminAnswer is how much of an answer is read, in bytes.
const maxAdminAnswer = 512 << 10

// askRunning sends a request to the admin address of the proxy that runs on this
// machine, and returns the status and the body of its answer. An empty body
// makes it a GET, any other a POST of JSON. key is left out if it is zero.
func askRunning(ctx context.Context, address, path, body string, key secret.Secret) (status int, answer []byte, err error) {
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+reachable(address)+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, Usagef("PROXY_ADMIN_LISTEN=%s is not host:port", address)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if !key.IsZero() {
		req.Header.Set("Authorization", "Bearer "+key.Reveal())
	}
	t := &http.Transport{} // ignores HTTP_PROXY, and follows no redirect
	defer t.CloseIdleConnections()
	resp, err := t.RoundTrip(req)
	if err != nil {
		return 0, nil, fmt.Errorf("cannot reach the running proxy at %s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAdminAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer of %s: %w", req.URL.Host, err)
	}
	return resp.StatusCode, answer, nil
}

// reachable returns where a listener at address can be reached from this
// machine.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
