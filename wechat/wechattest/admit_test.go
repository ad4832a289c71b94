package wechattest

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestWhatCallsAreRefusedFor(t *testing.T) {
	l := newLab(t)
	stable, legacy, agent := l.stable(false).Token, l.legacy().Token, l.agent("2").Token
	for _, c := range []struct {
		what, call string
		code       int
		words      string
	}{
		{"a stable token", "GET /cgi-bin/menu/get?access_token=" + stable, 0, "ok"},
		{"a legacy token", "POST /wxa/any?access_token=" + legacy, 0, "ok"},
		{"a WeCom token", "GET " + wecom + "/cgi-bin/agent/get?access_token=" + agent, 0, "ok"},
		{"an escaped name", "GET /cgi-bin/menu/get?access%5Ftoken=" + stable, 0, "ok"},
		{"other parameters around it", "GET /cgi-bin/menu/get?a=1&access_token=" + stable + "&b=2", 0, "ok"},
		{"no token", "GET /cgi-bin/menu/get", 41001, "access_token missing rid: "},
		{"an empty token", "GET /cgi-bin/menu/get?access_token=", 41001, ""},
		{"a name in capitals", "GET /cgi-bin/menu/get?Access_Token=" + stable, 41001, ""},
		{"an unknown token", "GET /cgi-bin/menu/get?access_token=nobodys", 40001, "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r rid: "},
		{"two tokens", "GET /cgi-bin/menu/get?access_token=" + stable + "&access_token=" + stable, 40014, "invalid access_token rid: "},
		{"a second one in capitals", "GET /cgi-bin/menu/get?access_token=" + stable + "&ACCESS_TOKEN=x", 40014, ""},
		{"a second one, escaped", "GET /cgi-bin/menu/get?access_token=" + stable + "&%61ccess%5ftoken=", 40014, ""},
		{"a second one without value", "GET /cgi-bin/menu/get?access_token&access_token=" + stable, 40014, ""},

		{"WeCom: no token", "GET " + wecom + "/cgi-bin/message/send", 41001, "access_token missing, hint: ["},
		{"WeCom: an unknown token", "GET " + wecom + "/cgi-bin/message/send?access_token=nobodys", 40014, "invalid access_token, hint: ["},
		{"WeCom's token at /wxa", "GET " + wecom + "/wxa/any?access_token=" + agent, 48002, "API forbidden, hint: ["},
		{"an official token at a path of WeCom's", "POST /cgi-bin/message/send?access_token=" + stable, 48001, "api unauthorized rid: "},
		{"a component's path", "POST /cgi-bin/component/api_create_preauthcode?access_token=" + stable, 61014, ""},
	} {
		r := l.do(c.call, "").wants(t, c.what, c.code)
		if !strings.Contains(r.Msg, c.words) {
			t.Errorf("%s: errmsg is %q, want %q in it", c.what, r.Msg, c.words)
		}
	}
	l.counted("duplicate", 4)
	l.counted("call", 18)
	l.counted("executed", 5)
	l.counted("rejected", 10)
	l.counted("executed:"+shop, 4)
	l.counted("executed:"+corp, 1)
}

func TestUnknownPathsAreTheGateways(t *testing.T) {
	l := newLab(t)
	token := l.stable(false).Token
	for _, path := range []string{"/", "/cgi-bin", "/cgi-bin/", "//cgi-bin/menu/get", "/favicon.ico", "/sns/nothing", "/cgi-bin%20wxa/x"} {
		r := l.do("GET "+path+"?access_token="+token, "")
		if r.StatusCode != 404 || !strings.HasPrefix(r.Raw, "<html>") {
			t.Errorf("%s: got %s %q", path, r.Status, r.Raw)
		}
	}
}

func TestTheAllowList(t *testing.T) {
	l := newLab(t)
	token, agent := l.stable(false).Token, l.agent("2").Token
	l.AllowIPs("203.0.113.7", "198.51.100.0/24")
	const words = "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist rid: "
	for _, call := range []string{legacyAsk, "GET /cgi-bin/menu/get?access_token=" + token} {
		if r := l.do(call, "").wants(t, call, 40164); !strings.HasPrefix(r.Msg, words) {
			t.Errorf("errmsg is %q", r.Msg)
		}
	}
	if r := l.onWeCom().do("GET /cgi-bin/agent/get?access_token="+agent, "").wants(t, "WeCom", 60020); !strings.Contains(r.Msg, "from ip: 127.0.0.1,") {
		t.Errorf("errmsg is %q", r.Msg)
	}
	l.agent("2") // needs no trusted address
	l.do("GET /sns/jscode2session?grant_type=authorization_code&js_code=1&appid="+shop+"&secret="+secret, "").wants(t, "a login", 0)
	l.AllowIPs("127.0.0.*")
	l.answers("an allowed caller", token, 0)
	l.AllowIPs()
	l.answers("with an empty list", token, 0)
}

func TestAllowed(t *testing.T) {
	for _, c := range []struct {
		list, ip string
		want     bool
	}{
		{"", "1.2.3.4", true},
		{"1.2.3.4", "1.2.3.4", true},
		{"1.2.3.4", "1.2.3.40", false},
		{"::ffff:1.2.3.4", "1.2.3.4", true},
		{"9.9.9.9,1.2.3.*", "1.2.3.40", true},
		{"1.2.3.*", "1.2.30.4", false},
		{"*", "1.2.3.4", false},
		{"1.2.0.0/16", "1.2.3.4", true},
		{"1.2.0.0/16", "1.3.3.4", false},
		{"nonsense", "1.2.3.4", false},
		{"2001:db8::/32", "2001:db8::1", true},
	} {
		var list []string
		if c.list != "" {
			list = strings.Split(c.list, ",")
		}
		if got := allowed(list, netip.MustParseAddr(c.ip)); got != c.want {
			t.Errorf("%q allows %s: %v, want %v", c.list, c.ip, got, c.want)
		}
	}
}

func TestKnobs(t *testing.T) {
	l := newLab(t)
	token := l.stable(false).Token

	l.Expire(shop)
	l.answers("an expired token", token, 42001)
	next := l.stable(false).Token
	l.answers("its successor", next, 0)

	l.Invalidate(shop)
	l.answers("an invalidated token", next, 40001)
	token = l.stable(false).Token
	l.answers("its successor", token, 0)

	l.Reject(shop, 40014)
	l.answers("a rejected token", token, 40014)
	if l.stable(false).Token != token {
		t.Error("normal mode gave another one for a rejected token")
	}
	l.Reject(shop, 0)
	l.answers("a token no longer rejected", token, 0)
	l.Reject(shop, 42001)
	next = l.stable(true).Token
	l.answers("the successor by force", next, 0)
	l.Advance(2 * 3600e9)
	next = l.stable(false).Token

	l.RejectAll(shop, 40001)
	l.answers("any token", next, 40001)
	l.answers("a new one too", l.legacy().Token, 40001)
	l.RejectAll(shop, 0)

	l.Spurious(shop, 0.25)
	rejected := 0
	for range 100 {
		if l.call(next) == 40001 {
			rejected++
		}
	}
	if rejected != 25 {
		t.Errorf("%d of 100 calls were rejected, want 25", rejected)
	}
	l.Spurious(shop, 0)
	l.answers("a good token at last", next, 0)
	l.counted("spurious", 25)

	agent := l.agent("2").Token
	l.Invalidate(corp)
	l.onWeCom().answers("WeCom's, invalidated", agent, 40014)
	l.Expire("nobody")
}

func TestWithoutToken(t *testing.T) {
	for query, want := range map[string]string{
		"":                                  "",
		"a=1&b=2":                           "a=1&b=2",
		"access_token=x":                    "",
		"a=%20+&access_token=x&b&=&":        "a=%20+&b&=&",
		"ACCESS%5fTOKEN=x&a":                "a",
		"my_access_token=1&access_tokens=2": "my_access_token=1&access_tokens=2",
		"%zz=1&access_token":                "%zz=1",
	} {
		if got := withoutToken(query); got != want {
			t.Errorf("withoutToken(%q) = %q, want %q", query, got, want)
		}
	}
}

func FuzzWithoutToken(f *testing.F) {
	for _, s := range []string{"", "a=1&access_token=2", "Access%5FToken", "&&;%", "access_token=%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		rest := withoutToken(query)
		if n := len(tokenParams(rest)); n != 0 {
			t.Fatalf("%d tokens left in %q", n, rest)
		}
		if len(tokenParams(query)) == 0 && rest != query {
			t.Fatalf("%q became %q", query, rest)
		}
		if v, err := url.ParseQuery(query); err == nil && v.Has("access_token") && len(tokenParams(query)) == 0 {
			t.Fatalf("net/url sees a token in %q", query)
		}
	})
}
