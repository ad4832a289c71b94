package main

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// sandbox serves in front of a WeChat of its own: no account, no network.
// Settings of the environment hold as far as they do not concern WeChat.
func sandbox(ctx context.Context, e env, stdout, stderr io.Writer) error {
	const appID, secret = "wxsandbox0000000", "sandbox-secret-is-no-secret"
	wechat := wechattest.NewServer(wechattest.Options{Accounts: []wechattest.Account{{AppID: appID, Secret: secret}}})
	defer wechat.Close()

	e = e.with("WECHAT_APP_ID="+appID, "WECHAT_APP_SECRET="+secret, "WECHAT_APP_SECRET_FILE=", "WECHAT_UPSTREAMS="+wechat.URL, "PROXY_CONFIG_FILE=")
	e = freePort(freePort(e, "PROXY_LISTEN", "127.0.0.1:8080"), "PROXY_ADMIN_LISTEN", "127.0.0.1:8081")
	cfg, log, err := load(e, stderr)
	if err != nil {
		return err
	}
	s, err := start(ctx, cfg, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, `The proxy serves at %[1]s, in front of a WeChat that is built in.
No call needs a token or a secret. Try:

  curl '%[1]s/cgi-bin/get_api_domain_ip'
  curl '%[1]s/cgi-bin/message/custom/send' -d '{"touser":"OPENID","msgtype":"text","text":{"content":"hello"}}'
  curl '%[1]s/-/jssdk/config?url=https://example.com/page'

What an operator sees: http://%[2]s/
Ctrl-C ends it.
`, s.url(), s.adminAt)
	return s.wait(ctx)
}

// freePort is e with a free port for what listens at usual by default, where
// the operator has not said where and somebody else is there already.
func freePort(e env, variable, usual string) env {
	if v, _ := e.lookup(variable); v != "" {
		return e
	}
	l, err := net.Listen("tcp", usual)
	if err == nil {
		_ = l.Close() // it was only to see
		return e
	}
	return e.with(variable + "=127.0.0.1:0")
}
