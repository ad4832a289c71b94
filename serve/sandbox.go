package serve

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// Sandbox serves in front of a WeChat simulator until ctx ends. It needs no
// account and no network. Settings of the environment hold unless they concern
// WeChat.
func Sandbox(ctx context.Context, environ config.Environ, stdout, stderr io.Writer) error {
	const appID, secret = "wxsandbox0000000", "sandbox-secret-is-no-secret"
	wechat := wechattest.NewServer(wechattest.Options{Accounts: []wechattest.Account{{AppID: appID, Secret: secret}}})
	defer wechat.Close()

	environ = environ.With("WECHAT_APP_ID="+appID, "WECHAT_APP_SECRET="+secret, "WECHAT_APP_SECRET_FILE=", "WECHAT_UPSTREAMS="+wechat.URL, "WECOM_UPSTREAMS="+wechat.WeComURL, "PROXY_CONFIG_FILE=")
	environ = freePort(environ, "PROXY_LISTEN")
	environ = freePort(environ, "PROXY_ADMIN_LISTEN")
	cfg, log, err := Load(environ, stderr)
	if err != nil {
		return err
	}
	s, err := Start(ctx, cfg, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, `The proxy serves at %[1]s, in front of a built-in WeChat simulator.
No call needs a token or a secret. Try:

  curl '%[1]s/cgi-bin/get_api_domain_ip'
  curl '%[1]s/cgi-bin/message/custom/send' -d '{"touser":"OPENID","msgtype":"text","text":{"content":"hello"}}'
  curl '%[1]s/-/jssdk/config?url=https://example.com/page'

The dashboard for operators: %[2]s/
Ctrl-C ends it.
`, s.URL(), s.AdminURL())
	return s.Wait(ctx)
}

// freePort sets variable to a free port if it is not set and its default address
// is in use.
func freePort(environ config.Environ, variable string) config.Environ {
	if v, _ := environ.Lookup(variable); v != "" {
		return environ
	}
	l, err := net.Listen("tcp", config.DefaultOf(variable))
	if err == nil {
		_ = l.Close() // it was only a try
		return environ
	}
	return environ.With(variable + "=127.0.0.1:0")
}
