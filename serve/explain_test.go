package serve

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// failedCall makes a call that WeChat refuses, with a body, and returns the rid
// of its answer.
func failedCall(t *testing.T, w *wechattest.Server, tok secret.Secret, body string) (rid string) {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	address := w.URL + "/cgi-bin/message/custom/send?" + url.Values{"access_token": {tok.Reveal()}, "debug": {"1"}}.Encode()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	w.Trouble(wechattest.Trouble{Path: "/cgi-bin/message", Kind: wechattest.Errcode, Status: 45015, Count: 1, Execute: true})
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	said, _ := errcode.Find(doc)
	if said.RID == "" {
		t.Fatalf("WeChat said no rid: %s", doc)
	}
	return said.RID
}

func TestExplain(t *testing.T) {
	t.Parallel()
	w := servetest.NewWeChat(t, nil)
	a := appOf(t, servetest.Shop(w))
	tok := tokenOf(t, a, "default")
	rid := failedCall(t, w, tok, `{"touser":"OPENID","note":"`+tok.Reveal()+` `+servetest.ShopSecret+`"}`)
	doc, err := a.explain(t.Context(), "default", rid)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Request struct {
			URL   string `json:"request_url"`
			Body  string `json:"request_body"`
			Reply string `json:"response_body"`
		}
	}
	if err := json.Unmarshal(doc, &got); err != nil {
		t.Fatal(err)
	}
	if u := got.Request.URL; !strings.Contains(u, "access_token=***") || !strings.Contains(u, "debug=1") {
		t.Errorf("request_url is %q", u)
	}
	if b := got.Request.Body; b != `{"touser":"OPENID","note":"*** ***"}` {
		t.Errorf("request_body is %q", b)
	}
	if r := got.Request.Reply; !strings.Contains(r, "45015") || !strings.Contains(r, rid) {
		t.Errorf("response_body is %q", r)
	}
	if text := string(doc); strings.Contains(text, tok.Reveal()) || strings.Contains(text, servetest.ShopSecret) {
		t.Errorf("it holds a secret: %s", text)
	}
}

func TestExplainRenewsARefusedToken(t *testing.T) {
	t.Parallel()
	w := servetest.NewWeChat(t, nil)
	a := appOf(t, servetest.Shop(w))
	rid := failedCall(t, w, tokenOf(t, a, "default"), "{}")
	w.Expire(servetest.ShopID)
	if _, err := a.explain(t.Context(), "default", rid); err != nil {
		t.Error(err)
	}
}

func TestExplainFailures(t *testing.T) {
	t.Parallel()
	const corpID = "ww0123456789abcdef"
	w := servetest.NewWeChat(t, func(o *wechattest.Options) {
		o.Accounts = append(o.Accounts, wechattest.Account{AppID: corpID, Secret: servetest.ShopSecret, WeCom: true, AgentID: 1000002})
	})
	file := filepath.Join(t.TempDir(), "proxy.yaml")
	servetest.WriteFile(t, file, "accounts:\n- {name: staff, kind: wecom, corp_id: "+corpID+", agent_id: 1000002, app_secret: "+servetest.ShopSecret+"}\n")
	a := appOf(t, servetest.Shop(w, "PROXY_CONFIG_FILE="+file))
	tok := tokenOf(t, a, "default")
	rid := failedCall(t, w, tok, "{}")
	const unknown = "00000000-00000000-00000000"
	ridTrouble := func(x wechattest.Trouble) func() {
		return func() { x.Path = ridPath; w.Trouble(x) }
	}
	for _, c := range []struct {
		name, account, rid string
		before             func()
		want               string
		code               int // of WeChat's; 0: it is not WeChat's no
	}{
		{"WeChat does not know it", "default", unknown, nil, "76001", 76001},
		{"no rid", "default", "a/../b?c", nil, "not a rid", 0},
		{"nothing", "default", "", nil, "not a rid", 0},
		{"a book", "default", strings.Repeat("a", 65), nil, "not a rid", 0},
		{"nobody's account", "another", rid, nil, token.ErrUnknown.Error(), 0},
		{"a WeCom agent", "staff", rid, nil, "not for WeCom", 0},
		{"a gateway's error", "default", rid, ridTrouble(wechattest.Trouble{Kind: wechattest.Status, Status: 502, Count: 1}), "HTTP status 502", 0},
		{"a redirect", "default", rid, ridTrouble(wechattest.Trouble{Kind: wechattest.Redirect, Count: 1}), "HTTP status 302", 0},
		{"a page", "default", rid, ridTrouble(wechattest.Trouble{Kind: wechattest.Garbage, Count: 1}), "not JSON", 0},
		{"a reset", "default", rid, ridTrouble(wechattest.Trouble{Kind: wechattest.Reset, Count: 2}), "ask WeChat: 127.0.0.1", 0},
	} {
		if c.before != nil {
			c.before()
		}
		doc, err := a.explain(t.Context(), c.account, c.rid)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s, %v; want %q", c.name, doc, err, c.want)
			continue
		}
		var said *errcode.Error
		if errors.As(err, &said) != (c.code != 0) || said != nil && said.Code != c.code {
			t.Errorf("%s: %v is not told apart", c.name, err)
		}
		if strings.Contains(err.Error(), tok.Reveal()) {
			t.Errorf("%s: the error holds the token", c.name)
		}
	}
}

func TestExplainIsBounded(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"errcode":0,"request":"`+strings.Repeat("x", maxAnswer)+`"}`)
	}))
	defer s.Close()
	hosts, err := wechat.NewHosts(wechat.Options{BaseURLs: []string{s.URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer hosts.Close()
	if _, err := (&app{questions: hosts}).askOnce(t.Context(), ridPath, secret.New("T"), []byte("{}")); err == nil || !strings.Contains(err.Error(), "256 KiB") {
		t.Errorf("got %v", err)
	}
}
