package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// canaries are values that must be seen nowhere: secrets, keys, tokens, tickets.
type canaries map[string]string // :: value → what it is

// add adds the forms in which a value may be written.
func (c canaries) add(what, value string) {
	for _, form := range []string{
		value, url.QueryEscape(value), url.PathEscape(value), strings.Trim(fmt.Sprintf("%q", value), `"`),
		base64.StdEncoding.EncodeToString([]byte(value)), hex.EncodeToString([]byte(value)),
	} {
		if form != "" {
			c[form] = what
		}
	}
}

// exhibits are all that came out of the proxy.
type exhibits struct {
	mu  sync.Mutex
	all []exhibit
}

type exhibit struct{ where, text string }

func (e *exhibits) add(where, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, exhibit{where, text})
}

// search tells where a canary is.
func (e *exhibits) search(t *testing.T, c canaries) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range e.all {
		for value, what := range c {
			if strings.Contains(x.text, value) {
				at := strings.Index(x.text, value)
				t.Errorf("%s shows %s: …%s…", x.where, what, x.text[max(0, at-100):min(len(x.text), at+len(value)+50)])
			}
		}
	}
}

// A run at debug level through every failure there is; then all that came out
// of the proxy is searched for what must not be in it.
func TestNothingSecretComesOut(t *testing.T) {
	const (
		clientKey = "billing/key+that is=secret&long;enough"
		adminKey  = "the-admin's-key?of-this-proxy"
		storeKey  = "0123456789abcdefghijklmnopqrstuv"
		redisPass = "redis-pass:word-of-the-store"
		wrongKey  = "a-wrong-key-may-be-a-right-one-elsewhere"
		corpID    = "ww0123456789abcdef"
		corpKey   = "agent-secret-agent-secret-agent"
		mended    = "ffffffffffffffff0000000000000000"
	)
	struck := func(i int) string { return fmt.Sprintf("wx%016d", i) } // an account for each trouble at the token endpoint
	wechat := servetest.NewWeChat(t, func(o *wechattest.Options) {
		o.Accounts = append(o.Accounts, wechattest.Account{AppID: corpID, Secret: corpKey, WeCom: true, AgentID: 7})
		for i := range allTroubles {
			o.Accounts = append(o.Accounts, wechattest.Account{AppID: struck(i), Secret: servetest.ShopSecret})
		}
	})
	file := filepath.Join(t.TempDir(), "proxy.yaml")
	settings := func(secret, more string) string {
		return fmt.Sprintf(`
accounts:
%s
  - {name: shop, app_id: %s, app_secret: %s, tickets: [jsapi, wx_card]}
  - {name: blog, app_id: %s, app_secret: %s, token_api: legacy}
  - {name: staff, kind: wecom, corp_id: %s, agent_id: 7, app_secret: %s}
clients:
  - {name: billing, key_sha256: %x, accounts: [shop, blog, staff]}
`, more, servetest.ShopID, secret, servetest.BlogID, servetest.BlogSecret, corpID, corpKey, sha256.Sum256([]byte(clientKey)))
	}
	servetest.WriteFile(t, file, settings(servetest.ShopSecret, ""))
	p := serveProcess(t,
		"PROXY_CONFIG_FILE="+file, "WECHAT_UPSTREAMS="+wechat.URL, "WECOM_UPSTREAMS="+wechat.WeComURL, "PROXY_ADMIN_KEY="+adminKey,
		"PROXY_TOKEN_STORE=redis://default:"+url.QueryEscape(redisPass)+"@"+brokenStore(t), "PROXY_STORE_KEY="+base64.StdEncoding.EncodeToString([]byte(storeKey)),
		"PROXY_LOG_LEVEL=debug", "PROXY_UPSTREAM_TIMEOUT=500ms", "PROXY_BREAKER_OPEN_FOR=1ms", "PROXY_SHUTDOWN_GRACE=1s")

	secrets := canaries{}
	for what, value := range map[string]string{
		"shop's secret": servetest.ShopSecret, "shop's new secret": mended, "blog's secret": servetest.BlogSecret, "staff's secret": corpKey, "the client's key": clientKey,
		"the admin's key": adminKey, "the store's key": storeKey, "Redis' password": redisPass, "a wrong key": wrongKey,
	} {
		secrets.add(what, value)
	}
	seen := &exhibits{}
	c := servetest.NewClient(t, nil)
	ask := func(line, body string, headers ...string) servetest.Answer {
		line = strings.Replace(line, " /", " "+p.url+"/", 1)
		a, err := servetest.Call(c, line, body, headers...)
		if err != nil {
			seen.add(line, err.Error())
			return a
		}
		seen.add(line, fmt.Sprint(a.Status, a.Header, a.Text))
		return a
	}
	key := "Authorization: Bearer " + clientKey
	asAdmin := func(method, path string) servetest.Answer {
		return ask(method+" "+p.admin+path, "", "Authorization: Bearer "+adminKey, "Content-Type: application/json")
	}
	listened := listenTo(t, seen, p.admin+"/api/events", adminKey)
	servetest.Eventually(t, "all accounts are ready", func() bool {
		for _, account := range []string{"shop", "blog", "staff"} {
			if asAdmin("GET", "/readyz?account="+account).StatusCode != 200 {
				return false
			}
		}
		return true
	})

	// the ways in, right and wrong
	tokenPath := "/cgi-bin/token?grant_type=client_credential&appid=" + servetest.ShopID + "&secret="
	placeholder := bodyField(ask("GET "+tokenPath+url.QueryEscape(clientKey), ""), "access_token")
	if len(placeholder) < 20 {
		t.Fatal("no placeholder")
	}
	for _, line := range []string{
		"GET " + tokenPath + wrongKey, "GET " + tokenPath + url.QueryEscape(servetest.ShopSecret),
		"POST /@shop/cgi-bin/stable_token", "GET /@staff/cgi-bin/gettoken?corpid=" + corpID + "&corpsecret=" + url.QueryEscape(clientKey),
		"GET /cgi-bin/user/get?access_token=" + placeholder, "GET /cgi-bin/user/get?access_token=" + wrongKey,
		"GET /cgi-bin/user/get?access_token=" + wechat.Current(servetest.ShopID), "GET /@nobody/cgi-bin/user/get?secret=" + url.QueryEscape(clientKey),
		"GET /cgi-bin/user/get?access_token=" + wrongKey + ";x=y", "GET /%2e%2e/cgi-bin?access_token=" + wrongKey, "GET /-/nothing?secret=" + url.QueryEscape(clientKey),
		"GET /sns/jscode2session?js_code=x&secret=" + wrongKey, "GET /@shop/sns/jscode2session?js_code=x&secret=" + url.QueryEscape(clientKey),
		"GET /@shop/sns/oauth2/access_token?code=x&secret=" + url.QueryEscape(clientKey), "GET /@shop/sns/userinfo?openid=x&access_token=" + wrongKey,
		"GET /cgi-bin/echoed?secret=" + wrongKey[:4], "POST /cgi-bin/clear_quota", "POST /cgi-bin/clear_quota/v2?appid=" + servetest.ShopID,
	} {
		ask(line, "")
		ask(line, "", "Authorization: Bearer "+wrongKey)
		ask(line, "", key)
		ask(line, `{"grant_type":"client_credential","appid":"`+servetest.ShopID+`","secret":"`+wrongKey+`"}`, key)
	}
	ask("GET /@shop/-/jssdk/config?url=https://example.com/", "", key)
	ask("GET /@shop/-/jssdk/card?card_id=x", "", key)
	ask("GET http://api.weixin.qq.com.example.com/cgi-bin/user/get", "", key) // is refused by the test's own dialer

	// every trouble in calls
	for _, account := range []string{"shop", "blog", "staff"} {
		for _, kind := range allTroubles {
			if kind == wechattest.EmptyToken || kind == wechattest.AbsurdLife {
				continue
			}
			wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/user", Kind: kind, Status: 503, Delay: 10 * time.Millisecond})
			ask("GET /@"+account+"/cgi-bin/user/get?next_openid=x", "", key)
			ask("POST /@"+account+"/cgi-bin/user/info/updateremark", `{"openid":"x"}`, key)
			wechat.ClearTrouble()
		}
	}

	// tokens that die, and tokens that nobody takes
	for _, id := range []string{servetest.ShopID, servetest.BlogID, corpID} {
		account := map[string]string{servetest.ShopID: "shop", servetest.BlogID: "blog", corpID: "staff"}[id]
		for _, die := range []func(){
			func() { wechat.Expire(id) }, func() { wechat.Invalidate(id) },
			func() { wechat.Reject(id, 40014) }, func() { wechat.Reject(id, 0) },
			func() { wechat.RejectAll(id, 42001) }, func() { wechat.RejectAll(id, 0) },
			func() { wechat.Spurious(id, 0.5) }, func() { wechat.Spurious(id, 0) },
		} {
			die()
			ask("GET /@"+account+"/cgi-bin/user/get", "", key)
			ask("GET /@"+account+"/-/jssdk/config?url=https://example.com/", "", key)
		}
	}

	// every trouble at the token endpoints
	renew := func() {
		for _, account := range []string{"shop", "blog", "staff"} {
			asAdmin("POST", "/api/accounts/"+account+"/renew")
		}
		asAdmin("POST", "/api/accounts/shop/renew?kind=jsapi")
		asAdmin("POST", "/api/accounts/staff/renew?kind=agent_config")
	}
	for _, kind := range allTroubles {
		if kind == wechattest.Hang {
			continue
		}
		wechat.Trouble(wechattest.Trouble{Kind: kind, Status: 503, Delay: 10 * time.Millisecond, Life: 1 << 40})
		renew()
		wechat.ClearTrouble()
	}
	more := ""
	for i, kind := range allTroubles {
		wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/stable_token", Kind: kind, Count: 1, Status: 503, Delay: 10 * time.Millisecond, Life: 1 << 40})
		more += fmt.Sprintf("  - {name: struck%d, app_id: %s, app_secret: %s}\n", i, struck(i), servetest.ShopSecret)
	}
	wechat.ResetLog()
	servetest.WriteFile(t, file, settings(servetest.ShopSecret, more))
	servetest.Eventually(t, "every trouble has struck", func() bool { return wechat.Count("trouble") == len(allTroubles) })
	wechat.AllowIPs("10.0.0.1")
	renew()
	ask("GET /@shop/cgi-bin/user/get", "", key)
	wechat.AllowIPs()
	wechat.Freeze(servetest.ShopID, true)
	renew()
	wechat.Freeze(servetest.ShopID, false)
	wechat.SetSecret(servetest.ShopID, mended)
	renew()
	servetest.WriteFile(t, file, settings("not: [good, "+mended, ""))
	servetest.Eventually(t, "bad settings are not applied", func() bool { return strings.Contains(p.stderr.String(), `"result":"refused"`) })
	servetest.WriteFile(t, file, settings(mended, ""))
	servetest.Eventually(t, "new settings are in force", func() bool { return strings.Count(p.stderr.String(), `"result":"applied"`) == 2 })
	renew()
	asAdmin("POST", "/api/accounts/shop/explain?rid="+wrongKey)
	wechat.Trouble(wechattest.Trouble{Kind: wechattest.Hang}) // to the end
	impatient := servetest.NewClient(t, nil)
	impatient.Timeout = 100 * time.Millisecond
	if _, err := servetest.Call(impatient, "GET "+p.url+"/cgi-bin/user/get", "", key); err == nil {
		t.Error("a call that hangs was answered")
	}
	hung := make(chan struct{})
	go func() {
		defer close(hung)
		renew()
	}()

	// what the operator sees
	for _, path := range []string{"/", "/metrics", "/healthz", "/readyz", "/api/status", "/readyz?account=shop", "/ui/app.js", "/login"} {
		asAdmin("GET", path)
		ask("GET "+p.admin+path, "", "Authorization: Bearer "+wrongKey)
	}
	ask("POST "+p.admin+"/login", "key="+url.QueryEscape(wrongKey), "Content-Type: application/x-www-form-urlencoded", "X-Requested-With: x")
	ask("POST "+p.admin+"/login", "key="+url.QueryEscape(adminKey), "Content-Type: application/x-www-form-urlencoded", "X-Requested-With: x")

	// the end, with a dump of all goroutines
	p.signal(syscall.SIGQUIT)
	<-p.ended
	<-listened
	<-hung
	log := p.stderr.String()
	if !strings.Contains(log, "goroutine ") || !strings.Contains(log, `"level":"DEBUG"`) {
		t.Errorf("this is no dump, or no log at debug level:\n%s", log)
	}
	seen.add("the log", log)
	seen.add("stdout", p.stdout.String())
	for _, v := range wechat.Issued() {
		secrets.add("a token or ticket", v)
	}
	if n := len(wechat.Issued()); n < 10 {
		t.Errorf("only %d tokens and tickets were issued", n)
	}
	seen.search(t, secrets)
	// A client's placeholder is its own: it gets it, and nobody else reads of it.
	for _, x := range []exhibit{{"the log", log}} {
		if strings.Contains(x.text, placeholder) {
			t.Errorf("%s shows a placeholder", x.where)
		}
	}
	t.Logf("%d answers, %d bytes of log, %d values", len(seen.all), len(log), len(secrets))
}

var allTroubles = []wechattest.TroubleKind{
	wechattest.Status, wechattest.Reset, wechattest.Cut, wechattest.Hang, wechattest.Late, wechattest.Slow, wechattest.Garbage,
	wechattest.Broken, wechattest.Empty, wechattest.EmptyToken, wechattest.AbsurdLife, wechattest.Retired, wechattest.Busy,
	wechattest.Errcode, wechattest.Chunked, wechattest.Early, wechattest.Redirect,
}

// brokenStore is the address of a store that hangs up on everybody.
func brokenStore(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

// listenTo adds what the event stream says until the proxy ends.
func listenTo(t *testing.T, seen *exhibits, url, key string) (ended chan struct{}) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	c := servetest.NewClient(t, nil)
	c.Timeout = 0
	resp, err := c.Do(req)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s: %v %v", url, resp, err)
	}
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body) // until the proxy ends
		if !strings.Contains(string(text), "renewal") {
			t.Errorf("no renewal among the events: %.300s", text)
		}
		seen.add("/api/events", string(text))
	}()
	return ended
}

func bodyField(a servetest.Answer, name string) string {
	_, rest, _ := strings.Cut(a.Text, `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}
