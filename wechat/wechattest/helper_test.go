package wechattest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	shop   = "wx0123456789abcdef"
	secret = "0123456789abcdef0123456789abcdef"
	corp   = "ww0123456789abcdef"

	mp    = "http://api.weixin.qq.com"
	wecom = "http://qyapi.weixin.qq.com"
)

// lab is a server with a still clock, called in-process.
type lab struct {
	*Server
	t    *testing.T
	host string // what calls without a host go to
}

// onWeCom returns the same server, whose calls go to WeCom's host.
func (l lab) onWeCom() lab { l.host = wecom; return l }

func newLab(t *testing.T, change ...func(*Options)) lab {
	t.Helper()
	start := time.Date(2026, 3, 1, 10, 0, 30, 0, time.FixedZone("CST", 8*3600))
	o := Options{
		Accounts: []Account{
			{AppID: shop, Secret: secret},
			{AppID: "wxother", Secret: "other-secret"},
			{AppID: corp, Secret: "agent-2", WeCom: true, AgentID: 2},
			{AppID: corp, Secret: "agent-3", WeCom: true, AgentID: 3},
		},
		Now: func() time.Time { return start },
	}
	for _, f := range change {
		f(&o)
	}
	s := New(o)
	t.Cleanup(s.Close)
	return lab{s, t, mp}
}

// reply is an answer, read.
type reply struct {
	*http.Response
	Raw    string
	Code   int    `json:"errcode"`
	Msg    string `json:"errmsg"`
	Token  string `json:"access_token"`
	Ticket string `json:"ticket"`
	Life   int64  `json:"expires_in"`
}

// do sends "GET /path?query" or "GET http://host/path?query" with a body, JSON
// if there is one.
func (l lab) do(call, body string) reply {
	l.t.Helper()
	method, target, _ := strings.Cut(call, " ")
	if strings.HasPrefix(target, "/") {
		target = l.host + target
	}
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(l.t.Context(), method, target, r)
	if err != nil {
		l.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return l.send(req)
}

func (l lab) send(req *http.Request) reply {
	l.t.Helper()
	resp, err := l.RoundTripper().RoundTrip(req)
	if err != nil {
		l.t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	return read(l.t, resp)
}

func read(t *testing.T, resp *http.Response) reply {
	t.Helper()
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := reply{Response: resp, Raw: string(raw)}
	if strings.HasPrefix(out.Raw, "{") {
		if err := json.Unmarshal(raw, &out); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
	}
	return out
}

// wants fails the test unless the answer has that errcode.
func (r reply) wants(t *testing.T, what string, code int) reply {
	t.Helper()
	if r.Code != code || r.StatusCode != http.StatusOK && r.StatusCode != http.StatusPartialContent {
		t.Errorf("%s: got %s, %.300s; want errcode %d", what, r.Status, r.Raw, code)
	}
	return r
}

const legacyAsk = "GET /cgi-bin/token?grant_type=client_credential&appid=" + shop + "&secret=" + secret

func (l lab) legacy() reply { l.t.Helper(); return l.do(legacyAsk, "").wants(l.t, "token", 0) }

func (l lab) stable(force bool) reply {
	l.t.Helper()
	ask := `{"grant_type":"client_credential","appid":"` + shop + `","secret":"` + secret + `"`
	if force {
		ask += `,"force_refresh":true`
	}
	return l.do("POST /cgi-bin/stable_token", ask+"}").wants(l.t, "stable_token", 0)
}

func (l lab) agent(n string) reply {
	l.t.Helper()
	return l.onWeCom().do("GET /cgi-bin/gettoken?corpid="+corp+"&corpsecret=agent-"+n, "").wants(l.t, "gettoken", 0)
}

// call makes a plain API call with a token and returns its errcode.
func (l lab) call(token string) int {
	l.t.Helper()
	return l.do("GET /cgi-bin/menu/get?access_token="+token, "").Code
}

// answers fails the test unless a call with the token gets code.
func (l lab) answers(what, token string, code int) {
	l.t.Helper()
	if got := l.call(token); got != code {
		l.t.Errorf("%s: a call got %d, want %d", what, got, code)
	}
}

func (l lab) counted(kind string, want int) {
	l.t.Helper()
	if got := l.Count(kind); got != want {
		l.t.Errorf("counted %d of %q, want %d", got, kind, want)
	}
}
