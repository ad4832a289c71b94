package admin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

const testKey = "a long admin key"

func guarded() (*Admin, *world) {
	w := newWorld().with("shop")
	w.key = secret.New(testKey)
	return New(w.options()), w
}

func TestKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		header []string
		status int
	}{
		{"none", nil, 401},
		{"as a bearer", []string{"Authorization", "Bearer " + testKey}, 200},
		{"as a bearer, in lower case", []string{"Authorization", "bearer " + testKey}, 200},
		{"as a bearer, in upper case", []string{"Authorization", "BEARER  " + testKey}, 200},
		{"with no scheme", []string{"Authorization", testKey}, 401},
		{"as a password", []string{"Authorization", "Basic eDphIGxvbmcgYWRtaW4ga2V5"}, 200},
		{"a wrong one", []string{"Authorization", "Bearer wrong"}, 401},
		{"an empty one", []string{"Authorization", "Bearer "}, 401},
		{"a cookie made up", []string{"Cookie", cookieName + "=9999999999.AAAA"}, 401},
		{"a wrong one beside a cookie", []string{"Authorization", "Bearer wrong", "Cookie", cookieName + "=x"}, 401},
	} {
		a, _ := guarded()
		for _, path := range []string{"/", "/api/status", "/ui/index.html"} {
			got := ask(t, a, "GET", path, "", c.header...)
			if got.Code != c.status {
				t.Errorf("%s, %s: %d, want %d", c.name, path, got.Code, c.status)
			}
			if strings.Contains(got.Body.String(), testKey) {
				t.Errorf("%s, %s: the key is in the answer", c.name, path)
			}
		}
	}
	a, _ := guarded()
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if got := ask(t, a, "GET", path, ""); got.Code != 200 {
			t.Errorf("%s without a key: %d", path, got.Code)
		}
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	a, w := guarded()
	page := ask(t, a, "GET", "/", "")
	if page.Code != 401 || !strings.Contains(page.Body.String(), `action="/login"`) {
		t.Fatalf("%d: %s", page.Code, page.Body)
	}
	form := func(key string) string { return url.Values{"key": {key}}.Encode() }
	const kind = "application/x-www-form-urlencoded"
	if got := ask(t, a, "POST", "/login", form("wrong"), "Content-Type", kind); got.Code != 401 || got.Header().Get("Set-Cookie") != "" {
		t.Errorf("wrong key: %d", got.Code)
	}
	if got := ask(t, a, "POST", "/login", form(testKey), "Content-Type", kind, "Sec-Fetch-Site", "cross-site"); got.Code != 403 {
		t.Errorf("from another page: %d", got.Code)
	}
	got := ask(t, a, "POST", "/login", form(testKey), "Content-Type", kind, "Sec-Fetch-Site", "same-origin")
	if got.Code != 303 || got.Header().Get("Location") != "/" {
		t.Fatalf("right key: %d", got.Code)
	}
	cookie := got.Result().Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode {
		t.Errorf("cookie %v", cookie)
	}
	header := []string{"Cookie", cookie.Name + "=" + cookie.Value}
	if got := ask(t, a, "GET", "/api/status", "", header...); got.Code != 200 {
		t.Errorf("with the cookie: %d", got.Code)
	}
	if other, _ := guarded(); ask(t, other, "GET", "/api/status", "", header...).Code != 401 {
		t.Error("another process takes the cookie")
	}
	w.set(func() { w.now = w.now.Add(cookieLife) })
	if got := ask(t, a, "GET", "/api/status", "", header...); got.Code != 401 {
		t.Errorf("half a day later: %d", got.Code)
	}
}

// Signing out ends the cookie in every browser.
func TestLogout(t *testing.T) {
	t.Parallel()
	a, _ := guarded()
	login := func() string {
		got := ask(t, a, "POST", "/login", url.Values{"key": {testKey}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		return cookieName + "=" + got.Result().Cookies()[0].Value
	}
	cookie := login()
	out := ask(t, a, "POST", "/logout", "", "Cookie", cookie, "X-Requested-With", "x")
	if out.Code != 204 || out.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("%d, the cookie stays", out.Code)
	}
	if got := ask(t, a, "GET", "/api/status", "", "Cookie", cookie); got.Code != 401 {
		t.Errorf("with the old cookie: %d", got.Code)
	}
	if got := ask(t, a, "GET", "/api/status", "", "Cookie", login()); got.Code != 200 {
		t.Errorf("signed in again: %d", got.Code)
	}
}

func TestWrongKeysAreThrottled(t *testing.T) {
	t.Parallel()
	a, w := guarded()
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	try := func(key string) []*httptest.ResponseRecorder {
		return []*httptest.ResponseRecorder{
			ask(t, a, "GET", "/api/status", "", "Authorization", "Bearer "+key),
			ask(t, a, "POST", "/login", url.Values{"key": {key}}.Encode(), form...),
		}
	}
	for i := range maxWrongKeys / 2 {
		for _, got := range try("wrong") {
			if got.Code != 401 {
				t.Errorf("try %d: %d", i, got.Code)
			}
		}
	}
	for _, got := range try("wrong") {
		if got.Code != 429 || got.Header().Get("Retry-After") != "1" {
			t.Errorf("one too many: %d, Retry-After %q", got.Code, got.Header().Get("Retry-After"))
		}
	}
	if got := try(testKey); got[0].Code != 200 || got[1].Code != 303 {
		t.Errorf("the right one meanwhile: %d, %d", got[0].Code, got[1].Code)
	}
	if got := ask(t, a, "GET", "/api/status", ""); got.Code != 401 {
		t.Errorf("none meanwhile: %d", got.Code)
	}
	w.set(func() { w.now = w.now.Add(time.Second) })
	if got := try("wrong"); got[0].Code != 401 || got[1].Code != 429 {
		t.Errorf("a second later: %d, then %d", got[0].Code, got[1].Code)
	}
}

func TestHostWithoutKey(t *testing.T) {
	t.Parallel()
	a := New(newWorld().with("shop").options())
	for host, status := range map[string]int{
		"127.0.0.1:8081": 200, "[::1]:8081": 200, "localhost": 200, "LOCALHOST:8081": 200, "proxy.localhost": 200,
		"10.0.0.7:8081": 200, "evil.example:8081": 421, "": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421,
	} {
		if got := ask(t, a, "GET", "/api/status", "", "Host", host); got.Code != status {
			t.Errorf("%q: %d, want %d", host, got.Code, status)
		}
	}
}

func TestChangesNeedIntent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		method string
		header []string
		status int
	}{
		{"a script of the page's", "POST", []string{"X-Requested-With", "fetch", "Sec-Fetch-Site", "same-origin"}, 200},
		{"curl with JSON", "POST", []string{"Content-Type", "application/json; charset=utf-8"}, 200},
		{"a bare POST", "POST", nil, 403},
		{"a form", "POST", []string{"Content-Type", "application/x-www-form-urlencoded"}, 403},
		{"a script of another page's", "POST", []string{"X-Requested-With", "fetch", "Sec-Fetch-Site", "cross-site"}, 403},
		{"one of a sister site's", "POST", []string{"X-Requested-With", "fetch", "Sec-Fetch-Site", "same-site"}, 403},
		{"one with another origin", "POST", []string{"X-Requested-With", "fetch", "Origin", "http://evil.example"}, 403},
		{"a GET", "GET", []string{"X-Requested-With", "fetch"}, 405},
		{"a PUT", "PUT", []string{"X-Requested-With", "fetch"}, 405},
	} {
		w := newWorld().with("shop")
		got := ask(t, New(w.options()), c.method, "/api/accounts/shop/renew", "", c.header...)
		if got.Code != c.status {
			t.Errorf("%s: %d, want %d: %s", c.name, got.Code, c.status, got.Body)
		}
		if renewed := len(w.renewed) > 0; renewed != (c.status == 200) {
			t.Errorf("%s: renewed %v", c.name, renewed)
		}
	}
}

func TestEveryAnswerHasItsHeaders(t *testing.T) {
	t.Parallel()
	a, _ := guarded()
	key := []string{"Authorization", "Bearer " + testKey}
	for _, c := range []struct {
		path   string
		header []string
	}{{"/", key}, {"/", nil}, {"/api/status", key}, {"/nothing", key}, {"/healthz", nil}, {"/metrics", nil}, {"/ui/nothing.js", key}, {"//", key}, {"/ui/../guard.go", key}} {
		h := ask(t, a, "GET", c.path, "", c.header...).Header()
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") ||
			h.Get("X-Frame-Options") != "DENY" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", c.path, h)
		}
		if h.Get("Location") != "" {
			t.Errorf("%s redirects", c.path)
		}
		if !slices.Contains([]string{"no-store", "no-cache"}, h.Get("Cache-Control")) {
			t.Errorf("%s: Cache-Control %q", c.path, h.Get("Cache-Control"))
		}
	}
}

func TestCookieIsTheKeyOfThisProcessOnly(t *testing.T) {
	t.Parallel()
	g := newGuard(Options{Key: secret.New("k")}.withDefaults())
	end := time.Now().Add(time.Minute)
	good := g.cookieValue(end)
	for name, value := range map[string]string{
		"empty": "", "a later end": g.cookieValue(end.Add(time.Hour))[:10] + good[10:], "cut": good[:len(good)-1], "no end": "." + good,
	} {
		if g.validCookie(value) {
			t.Errorf("%s is taken", name)
		}
	}
	if !g.validCookie(good) {
		t.Error("a good one is refused")
	}
}

func FuzzLocalHost(f *testing.F) {
	for _, s := range []string{"localhost", "127.0.0.1:80", "[::1]:80", "a.localhost:1", "evil.example", "127.0.0.1.evil.example", "[::1%25eth0]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if localHost(host) && strings.HasSuffix(strings.ToLower(host), "example") {
			t.Errorf("%q", host)
		}
	})
}
