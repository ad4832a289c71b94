package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

func TestExplainCommand(t *testing.T) {
	w := servetest.NewWeChat(t, nil)
	environ := servetest.Shop(w, "PROXY_ADMIN_KEY=canary-of-the-admin-key")
	h := serveHere(t, environ...)
	w.Trouble(wechattest.Trouble{Path: "/cgi-bin/message", Kind: wechattest.Errcode, Status: 45015, Count: 1, Execute: true})
	a := servetest.MustCall(t, servetest.NewClient(t, nil), "POST "+h.url+"/cgi-bin/message/custom/send", "{}")
	said, _ := errcode.Find([]byte(a.Text))
	if said.RID == "" {
		t.Fatalf("WeChat said no rid: %s", a.Text)
	}
	rid, tok := said.RID, w.Current(servetest.ShopID)
	environ = slices.Clip(append(environ, "PROXY_ADMIN_LISTEN="+strings.TrimPrefix(h.admin, "http://")))
	got := runWith(t.Context(), environ, "explain", rid)
	if got.code != exitOK || got.errors != "" || !strings.Contains(got.out, `"request_url": "`) || strings.Contains(got.out, tok) {
		t.Errorf("exit code %d, %s:\n%s", got.code, got.errors, got.out)
	}
	for _, c := range []struct {
		name    string
		environ []string
		args    []string
		code    int
		want    string
	}{
		{"an unknown rid", environ, []string{"00000000-00000000-00000000"}, exitFailed, "WeChat answered with an error: 76001"},
		{"an unknown account", environ, []string{"-account", "another", rid}, exitFailed, "no such account"},
		{"a wrong key", append(environ, "PROXY_ADMIN_KEY=another"), []string{rid}, exitFailed, "admin key"},
		{"nobody there", append(environ, "PROXY_ADMIN_LISTEN=127.0.0.1:1"), []string{rid}, exitFailed, "cannot reach the running proxy at 127.0.0.1:1"},
		{"no rid", environ, nil, exitUsage, "argument missing"},
		{"an odd rid", environ, []string{"what?"}, exitUsage, "not a rid"},
	} {
		got := runWith(t.Context(), c.environ, append([]string{"explain"}, c.args...)...)
		if got.code != c.code || got.out != "" || !strings.Contains(got.errors, c.want) {
			t.Errorf("%s: exit code %d, %s, want %d, %q:\n%s", c.name, got.code, got.errors, c.code, c.want, got.out)
		} else if strings.Contains(got.errors, "canary") {
			t.Errorf("%s: it holds the key: %s", c.name, got.errors)
		}
	}
}
