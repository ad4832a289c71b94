package emulate

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// refused returns the Refusal in err. It fails the test if there is none or if it
// repeats a value from the request.
func refused(t *testing.T, name string, err error) *answer.Refusal {
	t.Helper()
	var r *answer.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("%s: %v is not a Refusal", name, err)
	}
	if strings.Contains(fmt.Sprintf("%+v", *r), "canary") {
		t.Errorf("%s: repeats a value: %+v", name, *r)
	}
	return r
}

// SDKs use any path, method and form for this; each row is what one of them was
// seen to send.
func TestParseTokenRequest(t *testing.T) {
	t.Parallel()
	const stable = `{"grant_type":"client_credential","appid":"wx1","secret":"key","force_refresh":true}`
	for _, c := range []struct{ name, method, target, body, id, secret string }{
		{"the usual GET", "GET", "/cgi-bin/token?grant_type=client_credential&appid=wx1&secret=key", "", "wx1", "key"},
		{"a stray parameter", "GET", "/cgi-bin/token?appid=wx1&secret=key&neededText=", "", "wx1", "key"},
		{"a POST with a query", "POST", "/cgi-bin/token?appid=wx1&secret=key", "", "wx1", "key"},
		{"a POSTed form", "POST", "/cgi-bin/token", "grant_type=client_credential&appid=wx1&secret=key", "wx1", "key"},
		{"JSON on the path of the GET", "POST", "/cgi-bin/token", stable, "wx1", "key"},
		{"the usual stable POST", "POST", "/cgi-bin/stable_token", stable, "wx1", "key"},
		{"a stable GET", "GET", "/cgi-bin/stable_token?appid=wx1&secret=key", "", "wx1", "key"},
		{"JSON behind a BOM", "POST", "/cgi-bin/stable_token", "\xef\xbb\xbf\r\n" + stable + "\n", "wx1", "key"},
		{"query and JSON in accord", "POST", "/cgi-bin/token?appid=wx1&secret=key", stable, "wx1", "key"},
		{"half here, half there", "POST", "/cgi-bin/token?appid=wx1", `{"secret":"key"}`, "wx1", "key"},
		{"an empty one and a full one", "POST", "/cgi-bin/token?appid=&secret=", stable, "wx1", "key"},
		{"nothing at all", "GET", "/cgi-bin/token", "", "", ""},
		{"nulls", "POST", "/cgi-bin/stable_token", `{"appid":null,"secret":null}`, "", ""},
		{"a number", "POST", "/cgi-bin/stable_token", `{"appid":"wx1","secret":123}`, "wx1", "123"},
		{"escapes", "GET", "/cgi-bin/token?%61ppid=wx1&secret=a%2Bb+c", "", "wx1", "a+b c"},
		{"escapes in JSON", "POST", "/cgi-bin/stable_token", `{"\u0061ppid":"wx1","secret":"\u006bey"}`, "wx1", "key"},
		{"names in capitals are other names", "GET", "/cgi-bin/token?APPID=wx1", "", "", ""},
		{"nested ones are other ones", "POST", "/cgi-bin/stable_token", `{"a":{"appid":"wx1"},"b":[{"secret":"key"}]}`, "", ""},
		{"behind an account and a double slash", "GET", "/@shop//cgi-bin/token?appid=wx1&secret=key", "", "wx1", "key"},
		{"HEAD", "HEAD", "/cgi-bin/token?appid=wx1&secret=key", "", "wx1", "key"},
	} {
		req, err := ParseTokenRequest(httptest.NewRequest(c.method, c.target, nil), []byte(c.body))
		if err != nil || req.Platform != errcode.MP || req.AppID != c.id || req.Secret.Reveal() != c.secret {
			t.Errorf("%s: %q %q on %s, %v", c.name, req.AppID, req.Secret.Reveal(), req.Platform, err)
		}
	}
	for _, c := range []struct{ name, method, target, body string }{
		{"WeCom's GET", "GET", "/cgi-bin/gettoken?corpid=ww1&corpsecret=key", ""},
		{"WeCom by JSON", "POST", "/cgi-bin/gettoken", `{"corpid":"ww1","corpsecret":"key","appid":"wx1","secret":"no"}`},
		{"WeCom behind an account", "POST", "/@staff/cgi-bin/gettoken", `corpid=ww1&corpsecret=key`},
	} {
		req, err := ParseTokenRequest(httptest.NewRequest(c.method, c.target, nil), []byte(c.body))
		if err != nil || req.Platform != errcode.WeCom || req.AppID != "ww1" || req.Secret.Reveal() != "key" {
			t.Errorf("%s: %q %q on %s, %v", c.name, req.AppID, req.Secret.Reveal(), req.Platform, err)
		}
	}
}

func TestAmbiguousTokenRequestsAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, method, target, body, want string }{
		{"two appids", "GET", "/cgi-bin/token?appid=canary&appid=b", "", "appid has two different values"},
		{"two secrets", "POST", "/cgi-bin/token?secret=canary", `{"secret":"b"}`, "secret has two different values"},
		{"two in JSON", "POST", "/cgi-bin/token", `{"appid":"canary","appid":"b"}`, "appid has two different values"},
		{"two corpids", "POST", "/cgi-bin/gettoken?corpid=canary", `corpid=b`, "corpid has two different values"},
		{"a semicolon", "GET", "/cgi-bin/token?appid=canary;secret=b", "", "the query is malformed"},
		{"a bad escape", "GET", "/cgi-bin/token?secret=canary%zz", "", "the query is malformed"},
		{"half an object", "POST", "/cgi-bin/token", `{"secret":"canary"`, "the body is not valid JSON"},
		{"an object and more", "POST", "/cgi-bin/token", `{"secret":"canary"}x`, "the body is not valid JSON"},
		{"an invalid form", "POST", "/cgi-bin/token", `<xml>canary;</xml>`, "the body is neither JSON nor a form"},
		{"another method", "PUT", "/cgi-bin/token?appid=canary", "", "this path accepts GET and POST"},
	} {
		req, err := ParseTokenRequest(httptest.NewRequest(c.method, c.target, nil), []byte(c.body))
		r := refused(t, c.name, err)
		if r.Status != http.StatusBadRequest || r.Message != c.want || req != (TokenRequest{}) {
			t.Errorf("%s: %d %s, %+v", c.name, r.Status, r.Message, req)
		}
	}
}

// SDKs expect exactly these bytes, 200, and the content type of JSON.
func TestTokenAnswerOnTheWire(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	Write(w, TokenAnswer("wtp1_abc", PlaceholderLife, errcode.MP))
	if want := `{"access_token":"wtp1_abc","expires_in":7200}`; w.Code != 200 || w.Body.String() != want {
		t.Errorf("%d %q, want %q", w.Code, w.Body, want)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Content-Length": "45", "Cache-Control": "no-store",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	got := string(TokenAnswer("tok", 7200, errcode.WeCom))
	if want := `{"errcode":0,"errmsg":"ok","access_token":"tok","expires_in":7200}`; got != want {
		t.Errorf("WeCom: %s, want %s", got, want)
	}
}

func TestAnswersAreNotMangled(t *testing.T) {
	t.Parallel()
	if got, want := string(TokenAnswer("<&>", 1, errcode.MP)), `{"access_token":"<&>","expires_in":1}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := string(TicketAnswer("a<b>&c字+/=", 60)), `{"errcode":0,"errmsg":"ok","ticket":"a<b>&c字+/=","expires_in":60}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// SDKs subtract up to 1,500 s and expect no more than WeChat's 7,200.
func TestPlaceholderLife(t *testing.T) {
	t.Parallel()
	if PlaceholderLife <= 1500 || PlaceholderLife > 7200 {
		t.Errorf("%d s", PlaceholderLife)
	}
}

func TestRealLife(t *testing.T) {
	t.Parallel()
	for left, want := range map[time.Duration]int{
		2 * time.Hour: 7200, 90*time.Second + 999*time.Millisecond: 90, 999 * time.Millisecond: 0, -time.Hour: 0,
	} {
		if got := RealLife(left); got != want {
			t.Errorf("%v: %d, want %d", left, got, want)
		}
	}
}

func FuzzParseTokenRequest(f *testing.F) {
	f.Add("POST", "/cgi-bin/token", "appid=a&secret=b", `{"appid":"a"}`)
	f.Add("GET", "/cgi-bin/gettoken", "corpid=a&corpsecret=b", "")
	f.Add("POST", "/cgi-bin/stable_token", "", "\xef\xbb\xbf{\"appid\":1e9,\"a\":{\"b\":[null]},\"appid\":\"\"}")
	f.Add("POST", "/", "%", "a=%")
	f.Add("POST", "/", "", `{"\ud800":"\ud800"}`)
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.URL.Path, r.URL.RawQuery = method, path, query
		req, err := ParseTokenRequest(r, []byte(body))
		var refusal *answer.Refusal
		if err != nil && (!errors.As(err, &refusal) || req != (TokenRequest{})) {
			t.Errorf("%v, %+v", err, req)
		}
		if err == nil && req.Platform == "" {
			t.Error("no platform")
		}
	})
}
