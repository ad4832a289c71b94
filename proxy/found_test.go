package proxy

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
)

// What somebody who tried to break the proxy has found.

func keyed(name, key string, accounts ...string) access.ClientSpec {
	return access.ClientSpec{Name: name, KeySHA256: sha256.Sum256([]byte(key)), Accounts: accounts}
}

// A body that breaks off is told to whoever may still listen, and never ends
// in an empty 200.
func TestABrokenRequestIsNoSuccess(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	for _, c := range []struct{ name, request, want string }{
		{"a short body", "POST /cgi-bin/message/custom/send HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab", "HTTP/1.1 400 Bad Request"},
		{"a long body, cut", "POST /wxa/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 20000), "HTTP/1.1 400 Bad Request"},
		{"chunks that break off", "POST /wxa/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "HTTP/1.1 400 Bad Request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, c.request)
			_ = conn.(*net.TCPConn).CloseWrite()
			line, _ := bufio.NewReader(conn).ReadString('\n')
			if strings.TrimSpace(line) != c.want {
				t.Errorf("got %q", line)
			}
		})
	}
	if n := w.wechat.Count("executed"); n != 0 {
		t.Errorf("%d were executed", n)
	}
}

// Paths that need no key on one platform do on the other.
func TestAStrangerHasNoWeComAgent(t *testing.T) {
	w := newWorld(t, setup{clients: []access.ClientSpec{keyed("all", "KEYALL")}})
	w.warm()
	for line, status := range map[string]int{
		"GET /@staff/sns/userinfo?openid=x": 200, // passed on as it is, to the other platform
		// Whether an account is there makes no difference.
		"GET /@staff/sns/oauth2/refresh_token?refresh_token=r&from_appid=" + corpID: 200,
		"GET /@shop/sns/oauth2/refresh_token?refresh_token=r":                       200,
		"GET /@nope/sns/oauth2/refresh_token?refresh_token=r":                       200,
		"GET /sns/oauth2/refresh_token?refresh_token=r&appid=" + corpID:             200,
		"GET /@nope/sns/userinfo?access_token=U":                                    200,
		"GET /@shop/sns/userinfo?access_token=U":                                    200,
	} {
		if g := w.call(line, ""); g.StatusCode != status {
			t.Errorf("%s: %v, want %d", line, g, status)
		}
	}
	for _, s := range w.wechat.Seen() {
		if s.Token != "" && s.Token != "U" {
			t.Errorf("%s went up with a token of ours", s.Path)
		}
	}
}

// A client's key stays here, wherever its SDK puts it.
func TestAClientsKeyNeverGoesUp(t *testing.T) {
	w := newWorld(t, setup{clients: []access.ClientSpec{keyed("all", "KEYALL")}})
	w.warm()
	w.call("GET /@staff/sns/jscode2session?js_code=1&appid="+corpID+"&secret=KEYALL", "")
	w.call("GET /sns/jscode2session?js_code=1&appid="+shopID+"&secret=KEYALL", "")
	w.call("GET /sns/oauth2/refresh_token?refresh_token=r&appid="+shopID+"&secret=KEYALL", "")
	w.call("GET /sns/oauth2/refresh_token?refresh_token=r&appid=unknown&secret=KEYALL", "")
	w.call("GET /sns/oauth2/refresh_token?refresh_token=r&appid=unknown&corpsecret=KEYALL", "")
	w.call("GET /sns/jscode2session?js_code=1&appid="+shopID+"&corpsecret=KEYALL", "")
	w.call("POST /@staff/cgi-bin/webhook/send?key=1&access_token=KEYALL", "{}", "Authorization: Bearer KEYALL")
	for _, s := range w.wechat.Seen() {
		if strings.Contains(s.RawQuery, "KEYALL") || strings.Contains(fmt.Sprint(s.Header), "KEYALL") {
			t.Errorf("%s?%s", s.Path, s.RawQuery)
		}
	}
}

func TestSeveralAgentsOfACorp(t *testing.T) {
	w := newWorld(t, setup{clients: []access.ClientSpec{keyed("all", "KEYALL"), keyed("two", "KEYTWO", "staff2", "staff"), keyed("one", "KEYONE", "staff2")}})
	d := *w.dir
	second := *d.Accounts["staff"]
	second.Name = "staff2"
	d.Accounts = map[string]*Account{"staff": d.Accounts["staff"], "staff2": &second}
	d.ByID = map[string][]*Account{corpID: {d.Accounts["staff"], &second}}
	d.Default = nil
	for _, c := range []struct {
		name, key string
		n         naming
		want      string
	}{
		{"by name", "KEYALL", naming{path: "staff2"}, "staff2"},
		{"by corpid, both allowed", "KEYALL", naming{path: corpID}, "400"},
		{"by corpid, one allowed", "KEYONE", naming{path: corpID}, "staff2"},
		{"by corpid, the client's default", "KEYTWO", naming{appID: corpID}, "staff2"},
		{"by corpid and a placeholder", "KEYALL", naming{path: corpID, placeholder: "staff"}, "staff"},
		{"the name and another's placeholder", "KEYALL", naming{path: "staff2", placeholder: "staff"}, "403"},
	} {
		a, refusal := d.resolve(c.n, w.dir.Policy.ClientByKey(c.key))
		got := ""
		if refusal != nil {
			got = fmt.Sprint(refusal.Status)
		} else if a != nil {
			got = a.Name
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// WeCom gives the same token for two hours: refusals that no renewal cures must
// not cost one each.
func TestRefusalsThatNothingCuresAreFewOnWeCom(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	w.wechat.RejectAll(corpID, 40014)
	for range 10 {
		w.call("POST /@staff/cgi-bin/message/send", `{"touser":"O","msgtype":"text","agentid":7,"text":{"content":"h"}}`)
	}
	if n := w.wechat.Count("wecom"); n > 3 {
		t.Errorf("%d fetches for ten calls", n)
	}
}

func TestOneAccessTokenUnderWhateverName(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	for _, name := range []string{"%20access_token", "access_token%20", "+access_token", "%09Access_Token", "access_token%00", "%C2%A0access_token"} {
		w.wechat.ResetLog()
		if g := w.call("GET /cgi-bin/user/get?"+name+"=3&a=1", ""); g.Code != 0 {
			t.Errorf("%s: %v", name, g)
		}
		if s := w.wechat.Seen()[0]; strings.Count(strings.ToLower(s.RawQuery), "access_token") != 1 {
			t.Errorf("%s: %s", name, s.RawQuery)
		}
	}
}

// upstream is a host that is not the simulator.
func (w *world) upstreamAt(t *testing.T, h http.HandlerFunc, timeout time.Duration) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	w.replaceUpstream(t, UpstreamOptions{Hosts: []string{s.URL}, Timeout: timeout})
}

func TestOddAnswersOfWeChats(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	t.Run("a trailer stays behind", func(t *testing.T) {
		w.upstreamAt(t, func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Trailer", "X-Echo")
			_, _ = rw.Write(randomBytes(9000))
			rw.(http.Flusher).Flush()
			rw.Header().Set("X-Echo", r.URL.Query().Get("access_token"))
		}, 0)
		g := w.call("GET /cgi-bin/user/get", "")
		if len(g.body) != 9000 || g.Trailer.Get("X-Echo") != "" {
			t.Errorf("%d bytes, trailer %v", len(g.body), g.Trailer)
		}
	})
	t.Run("a trailer behind a short answer", func(t *testing.T) {
		w.upstreamAt(t, func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(rw, `{"errcode":0}`)
			rw.(http.Flusher).Flush()
			rw.Header().Set(http.TrailerPrefix+"X-Echo", r.URL.Query().Get("access_token"))
		}, 0)
		if g := w.call("GET /cgi-bin/user/get", ""); g.Trailer.Get("X-Echo") != "" || g.Header.Get("Trailer") != "" || g.body != `{"errcode":0}` {
			t.Errorf("%v %v %v", g, g.Header, g.Trailer)
		}
	})
	t.Run("a beginning of an answer, and nothing more", func(t *testing.T) {
		stop := make(chan struct{})
		defer close(stop)
		w.upstreamAt(t, func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Length", "50")
			_, _ = io.WriteString(rw, "{")
			rw.(http.Flusher).Flush()
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		}, 500*time.Millisecond)
		if g := w.call("GET /cgi-bin/user/get", ""); g.StatusCode != 504 {
			t.Errorf("%v", g)
		}
	})
	t.Run("a status that is none", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, "HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\n{}")
				_ = conn.Close()
			}
		}()
		w.replaceUpstream(t, UpstreamOptions{Hosts: []string{"http://" + l.Addr().String()}})
		if g := w.call("GET /cgi-bin/user/get", ""); g.StatusCode != 502 {
			t.Errorf("%v", g)
		}
	})
}

// A plain upstream behind an HTTP proxy gets the whole URL in the request line.
func TestPlainUpstreamBehindAnHTTPProxy(t *testing.T) {
	h := &host{scheme: "http", authority: "wx.test", prefix: "//wx.test"}
	u := h.url("/cgi-bin/x", "a=1")
	if got := u.RequestURI(); got != "http://wx.test/cgi-bin/x?a=1" {
		t.Errorf("got %s", got)
	}
	h.prefix = "/base"
	u = h.url("/cgi-bin/x", "")
	if got := u.RequestURI(); got != "/base/cgi-bin/x" {
		t.Errorf("got %s", got)
	}
}

func TestSaidTwiceAndDifferently(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	for _, line := range []string{
		"GET /sns/jscode2session?js_code=1&appid=" + shopID + "&appid=" + blogID,
		"GET /sns/oauth2/access_token?code=1&secret=a&secret=b",
		"GET /-/jssdk/config?url=https://a.com&url=https://b.com",
	} {
		if g := w.call(line, ""); g.StatusCode != 400 {
			t.Errorf("%s: %v", line, g)
		}
	}
}

func TestATokensFetchCountsForTheRate(t *testing.T) {
	spec := keyed("slow", "KEYSLOW")
	spec.Rate, spec.Burst = 0.001, 1
	w := newWorld(t, setup{clients: []access.ClientSpec{spec}})
	line := "GET /cgi-bin/token?grant_type=client_credential&appid=" + shopID + "&secret=KEYSLOW"
	if g := w.call(line, ""); g.StatusCode != 200 {
		t.Errorf("the first: %v", g)
	}
	if g := w.call(line, ""); g.StatusCode != 429 || g.Header.Get("Retry-After") == "" {
		t.Errorf("the second: %v", g)
	}
}

func TestPathsByteForByte(t *testing.T) {
	for target, want := range map[string]string{
		"/wxa/a|b^c":                        "/wxa/a|b^c",
		"http://api.weixin.qq.com/wxa/a|b?": "/wxa/a|b",
		"http://api.weixin.qq.com":          "/",
		"/wxa/%7e?q":                        "/wxa/%7e",
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		if got := rawPath(r); got != want {
			t.Errorf("%s: got %s", target, got)
		}
	}
	for in, want := range map[string]string{"&access_token=x&a": "&a", "access_token=x": "", "&access_token=x": "", "a&&access_token=x": "a&", "access_token=x&&a": "&a"} {
		if got := without(in, isAccessToken); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

// What net/url would escape goes up as it came.
func TestOddBytesGoUpAsTheyCame(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	seen := make(chan string, 1)
	w.upstreamAt(t, func(rw http.ResponseWriter, r *http.Request) { seen <- r.RequestURI }, 0)
	line := w.rawCall("GET /@shop/wxa/a|b^`{}\"<>\xe4\xbd\xa0?q=|^ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if line != "HTTP/1.1 200 OK" {
		t.Fatal(line)
	}
	if got := <-seen; !strings.HasPrefix(got, "/wxa/a|b^`{}\"<>\xe4\xbd\xa0?q=|^&access_token=") {
		t.Errorf("%q", got)
	}
}
