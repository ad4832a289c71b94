package serve

import (
	"context"
	"fmt"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy"
	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

func record(account, path string) proxy.Record {
	return proxy.Record{Account: account, Path: path, Platform: errcode.MP, Status: 200, Host: "api.weixin.qq.com"}
}

func TestQuotasAskAboutTheMostCalledPaths(t *testing.T) {
	var asked []string
	q := newQuotas(nil)
	q.ask = func(_ context.Context, account, path string) (quota, error) {
		asked = append(asked, account+path)
		return quota{Limit: 100, Used: 1, Left: 99}, nil
	}
	for i := range 1000 { // junk, each once
		q.called(record("shop", fmt.Sprintf("/cgi-bin/junk%d", i)))
	}
	q.round(t.Context())
	if len(asked) != quotaTop {
		t.Errorf("asked %q", asked)
	}
	asked = nil
	for range 3 {
		q.called(record("shop", "/cgi-bin/user/info"))
	}
	q.called(record("shop", "/cgi-bin/user/get"))
	refused := record("shop", "/cgi-bin/menu/create")
	refused.Errcode = 40001
	q.called(refused)
	q.round(t.Context())
	if fmt.Sprint(asked) != "[shop/cgi-bin/user/info shop/cgi-bin/user/get]" {
		t.Errorf("asked %q", asked)
	}
	if n := len(q.report()); n != 2 {
		t.Errorf("%d are known", n)
	}
	var off *quotas
	off.called(record("shop", "/x"))
	if off.report() != nil {
		t.Error("nil quotas report something")
	}
}

func TestQuotasAreWeChats(t *testing.T) {
	w := servetest.NewWeChat(t, nil)
	w.Quota("/cgi-bin/user/get", 500, 0)
	said, err := appOf(t, servetest.Shop(w)).askQuota(t.Context(), "default", "/cgi-bin/user/get")
	if err != nil || said.Limit != 500 || said.Left != 500 {
		t.Errorf("%+v, %v", said, err)
	}
}
