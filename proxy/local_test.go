package proxy

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// Every way in which SDKs ask for a token gives the same placeholder, in the
// exact form that the choosiest of them wants, and none is heard at WeChat.
func TestAskingForAToken(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	exact := regexp.MustCompile(`^\{"access_token":"[A-Za-z0-9_-]{20,512}","expires_in":7200\}$`)
	seen := map[string]string{}
	for _, c := range []struct{ name, line, body string }{
		{"a GET", "GET /cgi-bin/token?grant_type=client_credential&appid=" + shopID + "&secret=any", ""},
		{"a GET that says nothing", "GET /cgi-bin/token", ""},
		{"a GET with a secret that is the text null", "GET /cgi-bin/token?grant_type=client_credential&appid=" + shopID + "&secret=null", ""},
		{"a parameter that nobody knows", "GET /cgi-bin/token?appid=" + shopID + "&secret=any&neededText=", ""},
		{"stable, as JSON", "POST /cgi-bin/stable_token", `{"grant_type":"client_credential","appid":"` + shopID + `","secret":"any","force_refresh":false}`},
		{"stable, by force", "POST /cgi-bin/stable_token", `{"grant_type":"client_credential","appid":"` + shopID + `","secret":"any","force_refresh":true}`},
		{"stable, as a GET", "GET /cgi-bin/stable_token?appid=" + shopID + "&secret=any", ""},
		{"JSON where WeChat has a GET", "POST /cgi-bin/token", `{"grant_type":"client_credential","appid":"` + shopID + `","secret":"any"}`},
		{"a form", "POST /cgi-bin/token", "grant_type=client_credential&appid=" + shopID + "&secret=any"},
		{"two slashes", "GET //cgi-bin/token?appid=" + shopID, ""},
		{"a slash behind", "GET /cgi-bin/token/", ""},
		{"an account in the path", "GET /@shop/cgi-bin/token?appid=" + shopID, ""},
		{"its appid in the path", "GET /@" + shopID + "//cgi-bin/token", ""},
		{"an account by its parameter", "GET /cgi-bin/token?from_appid=" + shopID, ""},
		{"with an old token", "GET /cgi-bin/token?access_token=old", ""},
	} {
		g := w.call(c.line, c.body)
		if g.StatusCode != 200 || g.Header.Get("Content-Type") != "application/json; charset=utf-8" || !exact.MatchString(g.body) {
			t.Errorf("%s: %v", c.name, g)
		}
		seen[g.body] = c.name
	}
	if len(seen) != 1 {
		t.Errorf("they are not the same: %v", seen)
	}
	if n := len(w.wechat.Seen()); n != 0 {
		t.Errorf("WeChat heard of it %d times", n)
	}
}

// A placeholder stands for its account, whatever path it is used on, and is
// worth nothing at WeChat.
func TestWhatAPlaceholderIsWorth(t *testing.T) {
	w := companyWorld(t)
	w.warm()
	shop, blog := w.placeholderOf("shop", websiteKey), w.placeholderOf("blog", websiteKey)
	if shop == blog || slices.Contains(w.wechat.Issued(), shop) {
		t.Fatalf("%s %s", shop, blog)
	}
	for _, c := range []struct{ name, line, appid string }{
		{"shop's", "GET /cgi-bin/user/get?access_token=" + shop, shopID},
		{"blog's, which is the client's own default", "GET /cgi-bin/user/get?access_token=" + blog, blogID},
		{"shop's under its own path", "GET /@shop/cgi-bin/user/get?access_token=" + shop, shopID},
		{"sent twice", "GET /cgi-bin/user/get?access_token=" + shop + "&access_token=" + shop, shopID},
		{"in capitals", "GET /cgi-bin/user/get?ACCESS_TOKEN=" + shop, shopID},
		{"behind an empty one", "GET /cgi-bin/user/get?access_token=&access_token=" + shop, shopID},
	} {
		w.wechat.ResetLog()
		g := w.call(c.line, "")
		seen := w.wechat.Seen()
		call := seen[len(seen)-1]
		if g.Code != 0 || call.AppID != c.appid || strings.Contains(call.RawQuery, "wtp1_") || strings.Count(strings.ToLower(call.RawQuery), "access_token") != 1 {
			t.Errorf("%s: %v, seen %+v", c.name, g, call)
		}
	}
	if g := w.call("GET /@blog/cgi-bin/user/get?access_token="+shop, ""); g.StatusCode != 403 || g.Code != -403 {
		t.Errorf("under another's path: %v", g)
	}
	if r := w.lastRecord(); r.Client != "website" {
		t.Errorf("attributed to %q", r.Client)
	}
}

// Another replica, with the same settings, takes and gives the same placeholder.
func TestReplicasGiveTheSamePlaceholder(t *testing.T) {
	one, two := companyWorld(t), companyWorld(t)
	held := one.placeholderOf("shop", billingKey)
	if again := two.placeholderOf("shop", billingKey); again != held {
		t.Errorf("%s and %s", held, again)
	}
	if g := two.call("POST /wxa/msg_sec_check?access_token="+held, "{}"); g.StatusCode != 200 || g.Code != 0 {
		t.Errorf("%v", g)
	}
}

// At WeCom the answer has an errcode, and the parameters other names.
func TestAskingWeComForAToken(t *testing.T) {
	w := newWorld(t, setup{})
	exact := regexp.MustCompile(`^\{"errcode":0,"errmsg":"ok","access_token":"[A-Za-z0-9_-]+","expires_in":7200\}$`)
	for _, line := range []string{
		"GET /cgi-bin/gettoken?corpid=" + corpID + "&corpsecret=any",
		"GET /cgi-bin/gettoken", // there is one WeCom account only
		"GET /@staff/cgi-bin/gettoken?corpid=" + corpID + "&corpsecret=any",
	} {
		g := w.call(line, "")
		if !exact.MatchString(g.body) {
			t.Errorf("%s: %v", line, g)
			continue
		}
		if g := w.call("GET /cgi-bin/user/get?access_token="+tokenOf(t, g), ""); g.Code != 0 {
			t.Errorf("%s: its placeholder: %v", line, g)
		}
	}
}

// The classic central server: the real token, and what is left of it.
func TestRealTokens(t *testing.T) {
	w := newWorld(t, setup{clients: company(), deny: denyList(), proxy: func(o *Options) { o.RealTokens = true }})
	w.warm()
	ask := "GET /cgi-bin/token?appid=" + shopID + "&secret="
	g := w.call(ask+rootKey, "")
	var doc struct {
		ExpiresIn int `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(g.body), &doc); err != nil || tokenOf(t, g) != w.wechat.Current(shopID) || doc.ExpiresIn > 7200 || doc.ExpiresIn < 7000 {
		t.Errorf("%v", g)
	}
	if g := w.call(ask+billingKey, ""); g.StatusCode != 403 || !strings.Contains(g.Msg, `client "billing" has no allow rule for GET /cgi-bin/token`) {
		t.Errorf("a client whose rules do not have it: %v", g)
	}
	w.wechat.ResetLog()
	for range 20 {
		w.call("POST /cgi-bin/stable_token", `{"appid":"`+shopID+`","secret":"`+rootKey+`","force_refresh":true}`)
	}
	if n := len(w.wechat.Seen()); n != 0 {
		t.Errorf("WeChat heard of it %d times", n)
	}
}

type ticketDoc struct {
	Errcode   int
	Errmsg    string
	Ticket    string
	ExpiresIn int `json:"expires_in"`
}

func ticketIn(t *testing.T, g got) ticketDoc {
	t.Helper()
	var d ticketDoc
	if err := json.Unmarshal([]byte(g.body), &d); err != nil || g.StatusCode != 200 || d.Errcode != 0 || d.Errmsg != "ok" || d.Ticket == "" || d.ExpiresIn < 60 || d.ExpiresIn > 7200 {
		t.Errorf("%v %v", g, err)
	}
	return d
}

// Thirty getticket calls and ten signatures: one fetch of a ticket of each type.
func TestTicketsAreFetchedOnce(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	tickets := map[string]map[string]bool{}
	for i := range 30 {
		typ := []string{"jsapi", "wx_card", "2"}[i%3]
		method := []string{"GET", "POST"}[i%2]
		d := ticketIn(t, w.call(method+" /cgi-bin/ticket/getticket?type="+typ+"&access_token=x", ""))
		if tickets[typ] == nil {
			tickets[typ] = map[string]bool{}
		}
		tickets[typ][d.Ticket] = true
	}
	for range 10 {
		if g := w.call("GET /-/jssdk/config?url=https://shop.example/", ""); g.StatusCode != 200 {
			t.Errorf("%v", g)
		}
	}
	for typ, values := range tickets {
		if len(values) != 1 || w.wechat.Count("ticket:"+typ) != 1 {
			t.Errorf("%s: %d tickets in %d fetches", typ, len(values), w.wechat.Count("ticket:"+typ))
		}
	}
	if len(tickets) != 3 || w.wechat.Count("ticket") != 3 || w.wechat.Count("token") != 0 {
		t.Errorf("%d types, %d fetches of tickets, %d of tokens", len(tickets), w.wechat.Count("ticket"), w.wechat.Count("token"))
	}
}

func TestTicketsOfEveryKind(t *testing.T) {
	w := newWorld(t, setup{})
	for _, c := range []struct{ line, body, other string }{
		{"GET /cgi-bin/ticket/getticket?type=jsapi", "", ""},
		{"GET /cgi-bin/ticket/getticket", "", "the default type"},
		{"POST /cgi-bin/ticket/getticket", "type=jsapi", "a form"},
		{"POST /cgi-bin/ticket/getticket", `{"type":"jsapi"}`, "JSON"},
		{"GET /@blog/cgi-bin/ticket/getticket?type=jsapi", "", "another account"},
		{"GET /@staff/cgi-bin/get_jsapi_ticket", "", "WeCom"},
		{"GET /@staff/cgi-bin/ticket/get?type=agent_config", "", "an agent's"},
	} {
		ticketIn(t, w.call(c.line, c.body))
	}
	for _, c := range []struct {
		line   string
		status int
	}{
		{"GET /cgi-bin/ticket/getticket?type=other", 400},
		{"GET /cgi-bin/get_jsapi_ticket", 400},              // of an official account
		{"GET /@staff/cgi-bin/ticket/getticket", 400},       // of a WeCom agent
		{"GET /@blog/cgi-bin/ticket/getticket?type=2", 400}, // an account without it
		{"DELETE /cgi-bin/ticket/getticket", 400},
	} {
		if g := w.call(c.line, ""); g.StatusCode != c.status || g.Code != -c.status {
			t.Errorf("%s: %v", c.line, g)
		}
	}
}

// A ticket outlives a dead token and a failing ticket endpoint; one whose
// token is rejected comes after the token's own repair.
func TestATicketOutlivesTrouble(t *testing.T) {
	t.Run("a dead token, with the ticket held", func(t *testing.T) {
		w := newWorld(t, setup{})
		w.warm()
		first := ticketIn(t, w.call("GET /cgi-bin/ticket/getticket", ""))
		w.wechat.Expire(shopID)
		w.wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/ticket", Kind: wechattest.Status})
		if again := ticketIn(t, w.call("GET /cgi-bin/ticket/getticket", "")); again.Ticket != first.Ticket {
			t.Errorf("%s, then %s", first.Ticket, again.Ticket)
		}
		if g := w.call("GET /-/jssdk/config?url=https://shop.example/", ""); g.StatusCode != 200 {
			t.Errorf("%v", g)
		}
	})
	t.Run("a dead token, with no ticket yet", func(t *testing.T) {
		w := newWorld(t, setup{})
		w.warm()
		w.wechat.Expire(shopID)
		ticketIn(t, w.call("GET /cgi-bin/ticket/getticket", ""))
		if n := w.wechat.Count("token"); n != 1 {
			t.Errorf("%d fetches of tokens", n)
		}
	})
	t.Run("no ticket to be had", func(t *testing.T) {
		w := newWorld(t, setup{})
		w.warm()
		w.wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/ticket", Kind: wechattest.EmptyToken})
		for _, line := range []string{"GET /cgi-bin/ticket/getticket", "GET /-/jssdk/config?url=https://shop.example/", "GET /-/jssdk/card"} {
			if g := w.call(line, ""); g.StatusCode != 503 || g.Header.Get("Retry-After") == "" {
				t.Errorf("%s: %v", line, g)
			}
		}
	})
}

type signed struct {
	AppID       string `json:"appId"`
	Timestamp   int64
	NonceStr    string
	Signature   string
	JsAPIList   []string `json:"jsApiList"`
	OpenTagList []string `json:"openTagList"`
}

// The signature, checked as WeChat's page on it says, by other means than the
// proxy's own.
func TestTheSignatureIsRight(t *testing.T) {
	w := newWorld(t, setup{})
	ticket := ticketIn(t, w.call("GET /cgi-bin/ticket/getticket", "")).Ticket
	agent := ticketIn(t, w.call("GET /@staff/cgi-bin/ticket/get?type=agent_config", "")).Ticket
	corp := ticketIn(t, w.call("GET /@staff/cgi-bin/get_jsapi_ticket", "")).Ticket
	for _, c := range []struct{ name, path, page, page2, ticket, appID string }{
		{"a page", "/-/jssdk/config", "https://shop.example/", "https://shop.example/", ticket, shopID},
		{"a page with a fragment", "/-/jssdk/config", "https://shop.example/a?b=c&d=%E5%AD%97#/route?x", "https://shop.example/a?b=c&d=%E5%AD%97", ticket, shopID},
		{"a page with a plus and a space", "/-/jssdk/config", "https://shop.example/?q=a+b c", "https://shop.example/?q=a+b c", ticket, shopID},
		{"a page of WeCom's", "/@staff/-/jssdk/config", "https://crew.example/", "https://crew.example/", corp, corpID},
		{"an agent's page", "/@staff/-/jssdk/config?type=agent_config", "https://crew.example/", "https://crew.example/", agent, corpID},
	} {
		sep := "?"
		if strings.Contains(c.path, "?") {
			sep = "&"
		}
		g := w.call("GET "+c.path+sep+"url="+url.QueryEscape(c.page), "")
		var s signed
		if err := json.Unmarshal([]byte(g.body), &s); err != nil || g.StatusCode != 200 {
			t.Errorf("%s: %v", c.name, g)
			continue
		}
		sum := sha1.Sum(fmt.Appendf(nil, "jsapi_ticket=%s&noncestr=%s&timestamp=%d&url=%s", c.ticket, s.NonceStr, s.Timestamp, c.page2))
		if s.Signature != hex.EncodeToString(sum[:]) || s.AppID != c.appID || len(s.NonceStr) < 16 || time.Since(time.Unix(s.Timestamp, 0)).Abs() > time.Hour {
			t.Errorf("%s: %s", c.name, g.body)
		}
		if strings.Contains(g.body, c.ticket) {
			t.Errorf("%s: the ticket is in the answer", c.name)
		}
	}
}

// A card's signature: all values sorted and joined.
func TestTheCardsSignatureIsRight(t *testing.T) {
	w := newWorld(t, setup{})
	ticket := ticketIn(t, w.call("GET /cgi-bin/ticket/getticket?type=wx_card", "")).Ticket
	g := w.call("GET /-/jssdk/card?cardId=pc1&code=007&openid=o1", "")
	var c struct {
		Timestamp int64
		NonceStr  string
		Signature string
		CardExt   string
	}
	if err := json.Unmarshal([]byte(g.body), &c); err != nil || g.StatusCode != 200 {
		t.Fatalf("%v", g)
	}
	values := []string{ticket, fmt.Sprint(c.Timestamp), "pc1", "007", "o1", c.NonceStr}
	slices.Sort(values)
	sum := sha1.Sum([]byte(strings.Join(values, "")))
	if c.Signature != hex.EncodeToString(sum[:]) || !strings.Contains(c.CardExt, c.Signature) || strings.Contains(g.body, ticket) {
		t.Errorf("%s", g.body)
	}
}

func TestWhatIsSignedFor(t *testing.T) {
	w := newWorld(t, setup{proxy: func(o *Options) { o.JSSDKHosts = []string{"shop.example", "*.mall.example"} }})
	for _, c := range []struct {
		name, query string
		status      int
	}{
		{"a listed host", "url=https://shop.example/a", 200},
		{"its port", "url=https://shop.example:8443/a", 200},
		{"a host below", "url=https://a.b.mall.example/", 200},
		{"another host", "url=https://evil.example/", 403},
		{"a host that ends like it", "url=https://evilshop.example/", 403},
		{"a host before an at", "url=https://shop.example@evil.example/", 400},
		{"no URL", "", 400},
		{"a path", "url=/a", 400},
		{"another scheme", "url=ftp://shop.example/", 400},
	} {
		if g := w.call("GET /-/jssdk/config?"+c.query, ""); g.StatusCode != c.status {
			t.Errorf("%s: %v", c.name, g)
		}
	}
	g := w.call("GET /-/jssdk/config?url=https://shop.example/&jsApiList=chooseImage,scanQRCode&openTagList=wx-open-launch-app", "")
	var s signed
	if err := json.Unmarshal([]byte(g.body), &s); err != nil || !slices.Equal(s.JsAPIList, []string{"chooseImage", "scanQRCode"}) || !slices.Equal(s.OpenTagList, []string{"wx-open-launch-app"}) {
		t.Errorf("%v", g)
	}
	if g := w.call("POST /-/jssdk/config?url=https://shop.example/", ""); g.StatusCode != 400 {
		t.Errorf("a POST: %v", g)
	}
}

// Pages of the listed hosts may call; no other page may, and a preflight needs
// no key.
func TestPagesThatAskForASignature(t *testing.T) {
	w := newWorld(t, setup{clients: company(), proxy: func(o *Options) { o.JSSDKHosts = []string{"shop.example"} }})
	const path = "/@shop/-/jssdk/config?url=https://shop.example/"
	welcome, evil, cross := "Origin: https://shop.example", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site"
	preflight := "Access-Control-Request-Method: GET"
	for _, c := range []struct {
		name, line string
		header     []string
		status     int
		origin     string
	}{
		{"a welcome page", "GET " + path, []string{welcome, cross, bearer(rootKey)}, 200, "https://shop.example"},
		{"a welcome page without a key", "GET " + path, []string{welcome, cross}, 401, ""},
		{"its preflight", "OPTIONS " + path, []string{welcome, cross, preflight}, 200, "https://shop.example"},
		{"another page", "GET " + path, []string{evil, cross, bearer(rootKey)}, 403, ""},
		{"its preflight, refused", "OPTIONS " + path, []string{evil, cross, preflight}, 403, ""},
		{"a program", "GET " + path, []string{bearer(rootKey)}, 200, ""},
		{"a welcome page that calls something else", "GET /@shop/cgi-bin/user/get", []string{welcome, cross, bearer(rootKey)}, 403, ""},
		{"a preflight for something else", "OPTIONS /@shop/cgi-bin/user/get", []string{welcome, preflight}, 403, ""},
	} {
		g := w.call(c.line, "", c.header...)
		if g.StatusCode != c.status || g.Header.Get("Access-Control-Allow-Origin") != c.origin {
			t.Errorf("%s: %v, %v", c.name, g, g.Header)
		}
		if c.origin != "" && (g.Header.Get("Vary") != "Origin" || g.Header.Get("Access-Control-Allow-Headers") != "Authorization") {
			t.Errorf("%s: %v", c.name, g.Header)
		}
	}
}

// Rules hold for what is answered here as for any other path.
func TestRulesHoldForTicketsAndSignatures(t *testing.T) {
	clients := company()
	w := newWorld(t, setup{clients: clients, deny: []string{"/-/jssdk/card"}})
	for _, c := range []struct {
		line, key string
		status    int
	}{
		{"GET /cgi-bin/ticket/getticket", rootKey, 200},
		{"GET /cgi-bin/ticket/getticket", billingKey, 403},
		{"GET /-/jssdk/config?url=https://a.example/", billingKey, 403},
		{"GET /-/jssdk/config?url=https://a.example/", rootKey, 200},
		{"GET /-/jssdk/card", rootKey, 403},
		{"GET /-//jssdk/card/", rootKey, 403},
		{"GET /@blog/cgi-bin/ticket/getticket", crewKey, 403},
	} {
		if g := w.call(c.line, "", bearer(c.key)); g.StatusCode != c.status {
			t.Errorf("%s with %s: %v", c.line, c.key, g)
		}
	}
}
