package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// appOf is an app with the settings of environ.
func appOf(t *testing.T, environ []string) *app {
	t.Helper()
	a, err := newApp(t.Context(), loaded(t, environ), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	return a
}

// tokenOf is the token that a's account has now.
func tokenOf(t *testing.T, a *app, account string) secret.Secret {
	t.Helper()
	held, err := a.manager.Keeper(account, token.AccessToken).Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return held.Value
}

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
	w := weChat(t, wechattest.Options{})
	a := appOf(t, settings(w))
	tok := tokenOf(t, a, "default")
	rid := failedCall(t, w, tok, `{"touser":"OPENID","note":"`+tok.Reveal()+` `+checkSecret+`"}`)
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
	if text := string(doc); strings.Contains(text, tok.Reveal()) || strings.Contains(text, checkSecret) {
		t.Errorf("it holds a secret: %s", text)
	}
}

func TestExplainRenewsARefusedToken(t *testing.T) {
	t.Parallel()
	w := weChat(t, wechattest.Options{})
	a := appOf(t, settings(w))
	rid := failedCall(t, w, tokenOf(t, a, "default"), "{}")
	w.Expire(checkAppID)
	if _, err := a.explain(t.Context(), "default", rid); err != nil {
		t.Error(err)
	}
}

func TestExplainFailures(t *testing.T) {
	t.Parallel()
	w := weChat(t, wechattest.Options{})
	a := appOf(t, settings(w, "PROXY_CONFIG_FILE="+weComOnly(t)))
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
		{"no rid", "default", "a/../b?c", nil, "this is no rid", 0},
		{"nothing", "default", "", nil, "this is no rid", 0},
		{"a book", "default", strings.Repeat("a", 65), nil, "this is no rid", 0},
		{"nobody's account", "another", rid, nil, token.ErrUnknown.Error(), 0},
		{"a WeCom agent", "staff", rid, nil, "WeCom cannot be asked", 0},
		{"a gateway's error", "default", rid, ridTrouble(wechattest.Trouble{Kind: wechattest.Status, Status: 502, Count: 1}), "HTTP status 502", 0},
		{"a redirect", "default", rid, ridTrouble(wechattest.Trouble{Kind: wechattest.Redirect, Count: 1}), "HTTP status 302", 0},
		{"a page", "default", rid, ridTrouble(wechattest.Trouble{Kind: wechattest.Garbage, Count: 1}), "no JSON", 0},
		{"a reset", "default", rid, ridTrouble(wechattest.Trouble{Kind: wechattest.Reset, Count: 1}), "ask 127.0.0.1", 0},
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
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if _, err := askHosts(t.Context(), transport, []string{s.URL}, ridPath, secret.New("T"), []byte("{}")); err == nil || !strings.Contains(err.Error(), "256 KiB") {
		t.Errorf("got %v", err)
	}
}

func TestExplainCommand(t *testing.T) {
	t.Parallel()
	w := weChat(t, wechattest.Options{})
	environ := settings(w, "PROXY_LISTEN=127.0.0.1:0", "PROXY_ADMIN_LISTEN=127.0.0.1:0", "PROXY_ADMIN_KEY=canary-of-the-admin-key")
	ctx, cancel := context.WithCancel(t.Context())
	s, err := start(ctx, loaded(t, environ), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		if err := s.wait(ctx); err != nil {
			t.Error(err)
		}
	}()
	tok := tokenOf(t, s.app, "default")
	rid := failedCall(t, w, tok, "{}")
	environ = append(environ, "PROXY_ADMIN_LISTEN="+s.adminAt.String())
	ask := func(environ []string, args ...string) (string, error) {
		var out strings.Builder
		err := explainCommand(t.Context(), environment(environ), args, &out)
		return out.String(), err
	}
	text, err := ask(environ, rid)
	if err != nil || !strings.Contains(text, `"request_url": "`) || strings.Contains(text, tok.Reveal()) {
		t.Errorf("got %v:\n%s", err, text)
	}
	for _, c := range []struct {
		name    string
		environ []string
		args    []string
		want    string
	}{
		{"an unknown rid", environ, []string{"00000000-00000000-00000000"}, "WeChat said no: 76001"},
		{"an unknown account", environ, []string{"-account", "another", rid}, "no such account"},
		{"a wrong key", append(environ, "PROXY_ADMIN_KEY=another"), []string{rid}, "admin key"},
		{"nobody there", append(environ, "PROXY_ADMIN_LISTEN=127.0.0.1:1"), []string{rid}, "no proxy answers at 127.0.0.1:1"},
		{"no rid", environ, nil, "argument missing"},
		{"an odd rid", environ, []string{"what?"}, "is no rid"},
	} {
		if text, err := ask(c.environ, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q:\n%s", c.name, err, c.want, text)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: it holds the key: %v", c.name, err)
		}
	}
}
