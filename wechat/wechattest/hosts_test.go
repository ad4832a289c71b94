package wechattest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// platformBases are the base URLs of one WeChat's two hosts.
type platformBases struct{ mp, wecom string }

// bothHosts runs f over sockets and in-process.
func bothHosts(t *testing.T, f func(t *testing.T, s *Server, rt http.RoundTripper, at platformBases)) {
	o := Options{Accounts: []Account{{AppID: shop, Secret: secret}, {AppID: corp, Secret: "agent-2", WeCom: true, AgentID: 2}}}
	t.Run("sockets", func(t *testing.T) {
		s := NewServer(o)
		defer s.Close()
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
		f(t, s, http.DefaultTransport, platformBases{s.URL, s.WeComURL})
	})
	t.Run("in-process", func(t *testing.T) {
		s := New(o)
		defer s.Close()
		f(t, s, s.RoundTripper(), platformBases{"https://api.weixin.qq.com:443", "https://QYAPI.weixin.qq.com:443"})
	})
}

const agentAsk = "/cgi-bin/gettoken?corpid=" + corp + "&corpsecret=agent-2"

func TestATokenOfOnePlatformIsNoneAtTheOther(t *testing.T) {
	bothHosts(t, func(t *testing.T, s *Server, rt http.RoundTripper, at platformBases) {
		token := fetch(t, rt, at.mp)
		agent := tokenIn(t, send(t.Context(), rt, "GET", at.wecom+agentAsk, ""))
		for _, c := range []struct {
			what, url, want, ctype string
		}{
			{"MP's token at MP", at.mp + "/cgi-bin/menu/get?access_token=" + token, `{"errcode":0,`, typeOK},
			{"WeCom's token at WeCom", at.wecom + "/cgi-bin/agent/get?access_token=" + agent, `{"errcode":0,`, typeWeCom},
			{"WeCom's token at MP", at.mp + "/cgi-bin/menu/get?access_token=" + agent, `{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest`, typeError},
			{"MP's token at WeCom", at.wecom + "/cgi-bin/agent/get?access_token=" + token, `{"errcode":40014,"errmsg":"invalid access_token, hint: [`, typeWeCom},
			{"MP's token for WeCom's ticket", at.wecom + "/cgi-bin/get_jsapi_ticket?access_token=" + token, `{"errcode":40014,`, typeWeCom},
			{"WeCom's token for MP's ticket", at.mp + "/cgi-bin/ticket/getticket?type=jsapi&access_token=" + agent, `{"errcode":40001,`, typeError},
			{"no token at MP", at.mp + "/cgi-bin/menu/get", `{"errcode":41001,"errmsg":"access_token missing rid: `, typeError},
			{"no token at WeCom", at.wecom + "/cgi-bin/menu/get", `{"errcode":41001,"errmsg":"access_token missing, hint: [`, typeWeCom},
		} {
			got := send(t.Context(), rt, "GET", c.url, "")
			if got.status != 200 || !strings.HasPrefix(got.body, c.want) || got.header.Get("Content-Type") != c.ctype {
				t.Errorf("%s: got %+v, want %s", c.what, got, c.want)
			}
		}
		if n := s.Count("executed"); n != 2 {
			t.Errorf("%d calls were executed, want 2", n)
		}
	})
}

func TestPathsOfTheOtherPlatformDoNotExist(t *testing.T) {
	bothHosts(t, func(t *testing.T, s *Server, rt http.RoundTripper, at platformBases) {
		token := fetch(t, rt, at.mp)
		agent := tokenIn(t, send(t.Context(), rt, "GET", at.wecom+agentAsk, ""))
		s.ResetLog()
		const stable = `{"grant_type":"client_credential","appid":"` + shop + `","secret":"` + secret + `"}`
		const who = "?appid=" + shop + "&secret=" + secret + "&grant_type=authorization_code"
		calls := []struct{ method, url, body string }{
			{"GET", at.mp + agentAsk, ""},
			{"GET", at.mp + "/cgi-bin/get_jsapi_ticket?access_token=" + token, ""},
			{"GET", at.mp + "/cgi-bin/ticket/get?type=agent_config&access_token=" + token, ""},
			{"POST", at.mp + "/cgi-bin/webhook/send?key=k", `{"msgtype":"text"}`},
			{"GET", at.wecom + strings.TrimPrefix(legacyAsk, "GET "), ""},
			{"POST", at.wecom + "/cgi-bin/stable_token", stable},
			{"GET", at.wecom + "/cgi-bin/ticket/getticket?type=jsapi&access_token=" + agent, ""},
			{"POST", at.wecom + "/cgi-bin/clear_quota/v2?appid=" + shop + "&appsecret=" + secret, ""},
			{"GET", at.wecom + "/sns/jscode2session" + who + "&js_code=1", ""},
			{"GET", at.wecom + "/sns/oauth2/access_token" + who + "&code=1", ""},
			{"GET", at.wecom + "/sns/oauth2/refresh_token?appid=" + shop + "&grant_type=refresh_token&refresh_token=r", ""},
			{"GET", at.wecom + "/sns/userinfo?access_token=u&openid=o", ""},
			{"GET", at.wecom + "/sns/auth?access_token=u&openid=o", ""},
		}
		for _, c := range calls {
			if got := send(t.Context(), rt, c.method, c.url, c.body); got.status != 404 || !strings.HasPrefix(got.body, "<html>") {
				t.Errorf("%s %s: got %+v, want 404", c.method, c.url, got)
			}
		}
		if fetches, calls, all := s.Count("token")+s.Count("ticket"), s.Count("call"), len(calls); fetches != 0 || calls != all {
			t.Errorf("counted %d fetches and %d calls, want 0 and %d", fetches, calls, all)
		}
	})
}

func TestTheJournalNamesTheHost(t *testing.T) {
	bothHosts(t, func(t *testing.T, s *Server, rt http.RoundTripper, at platformBases) {
		for _, base := range []string{at.mp, at.wecom} {
			send(t.Context(), rt, "GET", base+"/cgi-bin/menu/get", "")
		}
		seen := s.Seen()
		if len(seen) != 2 || seen[0].Platform != errcode.MP || seen[1].Platform != errcode.WeCom {
			t.Errorf("got %+v", seen)
		}
	})
}

// The address decides, not the Host header: a proxy may keep its client's.
func TestMoreAddressesOfWeCom(t *testing.T) {
	s := NewServer(Options{Accounts: []Account{{AppID: corp, Secret: "agent-2", WeCom: true}}})
	defer s.Close()
	second, err := s.ListenWeCom()
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", second+agentAsk, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "api.weixin.qq.com"
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if r := read(t, resp); r.Token == "" {
		t.Errorf("got %s", r.Raw)
	}
	if _, err := New(Options{}).ListenWeCom(); err == nil {
		t.Error("a server of New listens")
	}
}

func TestRedirectsStayOnTheHost(t *testing.T) {
	bothHosts(t, func(t *testing.T, s *Server, rt http.RoundTripper, at platformBases) {
		s.Trouble(Trouble{Kind: Redirect})
		for base, want := range map[string]string{at.mp: "https://api.weixin.qq.com/cgi-bin/x", at.wecom: "https://qyapi.weixin.qq.com/cgi-bin/x"} {
			if got := send(t.Context(), rt, "GET", base+"/cgi-bin/x", "").header.Get("Location"); got != want {
				t.Errorf("%s: Location is %q, want %q", base, got, want)
			}
		}
	})
}
