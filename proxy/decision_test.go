package proxy

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// sentence says what was decided about a call.
func (d decision) sentence() string {
	client, account := "a stranger", "no account"
	if d.client != nil {
		client = d.client.Name
	}
	if d.account != nil {
		account = d.account.Name
	}
	credential := map[injection]string{injectToken: "the token", injectSecret: "appid and secret", injectAppID: "the appid", injectNothing: "nothing"}[d.route.inject]
	route := fmt.Sprintf("%s %s with %s", d.platform, d.route.class, credential)
	if d.route.own {
		route = d.route.class + ", answered here"
	}
	body := "no body"
	if d.bodyRule != (bodyRule{}) {
		body = fmt.Sprintf("%d KiB that stream", d.bodyRule.max>>10)
		if d.bodyRule.whole {
			body = fmt.Sprintf("%d KiB read first", d.bodyRule.max>>10)
		}
	}
	return fmt.Sprintf("%s for %s: %s, %s", client, account, route, body)
}

// A request becomes a client, an account, a route and a rule for the body, or a
// refusal.
func TestDecisions(t *testing.T) {
	w := companyWorld(t)
	placeholder := w.placeholderOf("blog", websiteKey)
	const weCom, noBody, unknown = "Host: " + hostWeCom, 0, -1
	for _, c := range []struct {
		request string
		body    int
		header  string
		want    string
	}{
		// Most paths: a key, or a placeholder, which names the account too.
		{"GET /cgi-bin/user/get", noBody, bearer(rootKey), "root for shop: mp cgi_user with the token, no body"},
		{"GET /@blog/cgi-bin/user/get", noBody, bearer(rootKey), "root for blog: mp cgi_user with the token, no body"},
		{"GET /cgi-bin/user/get?from_appid=" + blogID, noBody, bearer(rootKey), "root for blog: mp cgi_user with the token, no body"},
		{"GET /cgi-bin/user/get?access_token=" + placeholder, noBody, "", "website for blog: mp cgi_user with the token, no body"},
		{"GET /cgi-bin/user/get", noBody, bearer(crewKey), "crew for staff: wecom cgi_user with the token, no body"},
		{"GET /cgi-bin/user/get", noBody, "", "401 a stranger for no account: mp cgi_user with the token, no body"},
		{"GET /cgi-bin/user/get?access_token=68_abc", noBody, "", "40001 a stranger for no account: mp cgi_user with the token, no body"},
		{"GET /@nope/cgi-bin/user/get", noBody, bearer(rootKey), "404 root for no account: mp cgi_user with the token, no body"},
		{"GET /@staff/cgi-bin/user/get", noBody, bearer(billingKey), "403 billing for staff: wecom cgi_user with the token, no body"},
		{"POST /cgi-bin/menu/create", 2, bearer(billingKey), "403 billing for shop: mp cgi_menu with the token, 32768 KiB read first"},

		// A body is sent while it arrives, unless it is short or of unknown length.
		{"POST /wxa/x", heldBody, bearer(rootKey), "root for shop: mp wxa with the token, 32768 KiB read first"},
		{"POST /wxa/x", heldBody + 1, bearer(rootKey), "root for shop: mp wxa with the token, 32768 KiB that stream"},
		{"POST /wxa/x", unknown, bearer(rootKey), "root for shop: mp wxa with the token, 32768 KiB read first"},
		{"POST /wxa/x", 32<<20 + 1, bearer(rootKey), "413 root for shop: mp wxa with the token, 32768 KiB that stream"},

		// A login: the secret is a client key, and appid names the account.
		{"GET /sns/jscode2session?js_code=c&appid=" + blogID + "&secret=" + rootKey, noBody, "", "root for blog: mp sns_login with appid and secret, no body"},
		{"GET /sns/jscode2session?js_code=c&secret=x", noBody, "", "40125 a stranger for no account: mp sns_login with appid and secret, no body"},
		{"GET /sns/jscode2session?js_code=c", noBody, "", "401 a stranger for no account: mp sns_login with appid and secret, no body"},
		{"GET /@staff/sns/jscode2session?js_code=c", noBody, bearer(rootKey), "400 root for staff: wecom sns with the token, no body"},
		{"GET /sns/jscode2session?js_code=c&secret=x", noBody, weCom, "401 a stranger for no account: wecom sns with the token, no body"},

		// A refreshed login: no key, and appid may name an account.
		{"GET /sns/oauth2/refresh_token?appid=" + blogID, noBody, "", "a stranger for blog: mp sns_refresh with the appid, no body"},
		{"GET /sns/oauth2/refresh_token?appid=wx1", noBody, bearer(rootKey), "root for shop: mp sns_refresh with the appid, no body"},
		{"GET /@nope/sns/oauth2/refresh_token", noBody, "", "a stranger for no account: mp sns_refresh with the appid, no body"},
		{"GET /@staff/sns/oauth2/refresh_token", noBody, "", "a stranger for no account: mp sns_refresh with the appid, no body"},
		{"GET /@staff/sns/oauth2/refresh_token", noBody, bearer(rootKey), "400 root for staff: wecom sns with the token, no body"},

		// A user's token: no key and no account, but only at MP.
		{"GET /@staff/sns/userinfo?access_token=U", noBody, "", "a stranger for no account: mp sns_user with nothing, no body"},
		{"GET /sns/userinfo?access_token=" + placeholder, noBody, "", "40001 a stranger for no account: mp sns_user with nothing, no body"},
		{"GET /sns/userinfo?access_token=U", noBody, bearer("x"), "401 a stranger for no account: mp sns_user with nothing, no body"},
		{"GET /sns/userinfo?access_token=U", noBody, weCom, "40001 a stranger for no account: wecom sns with the token, no body"},

		// A third party's token: a key is needed.
		{"GET /sns/component/jscode2session?access_token=x", noBody, "", "401 a stranger for no account: mp sns_component with nothing, no body"},
		{"GET /@staff/sns/component/jscode2session", noBody, bearer(rootKey), "400 root for staff: wecom sns with the token, no body"},
		{"POST /@staff/cgi-bin/webhook/send?key=k", 2, bearer(rootKey), "root for staff: wecom webhook with nothing, 32768 KiB read first"},
		{"POST /cgi-bin/webhook/send?access_token=x", 2, weCom, "401 a stranger for no account: wecom webhook with nothing, 32768 KiB read first"},

		// What the proxy answers itself. A token endpoint finds out who asks.
		{"POST /cgi-bin/stable_token", 99, "", "a stranger for no account: token, answered here, 64 KiB read first"},
		{"GET /cgi-bin/ticket/getticket", noBody, bearer(rootKey), "root for shop: ticket, answered here, no body"},
		{"POST /cgi-bin/ticket/getticket", maxLocalBody + 1, bearer(rootKey), "413 root for shop: ticket, answered here, 64 KiB read first"},
		{"OPTIONS /-/jssdk/config", noBody, "Access-Control-Request-Method: GET", "a stranger for no account: own, answered here, no body"},
		{"GET /-/jssdk/config", noBody, "", "401 a stranger for no account: own, answered here, no body"},
		{"GET /cgi-bin/user/get", noBody, "Sec-Fetch-Site: cross-site", "403 a stranger for no account: mp cgi_user with the token, no body"},
	} {
		method, target, _ := strings.Cut(c.request, " ")
		var body io.Reader
		if c.body != noBody {
			body = strings.NewReader("x")
		}
		r := httptest.NewRequestWithContext(t.Context(), method, target, body)
		r.ContentLength = int64(c.body)
		if name, value, _ := strings.Cut(c.header, ": "); name == "Host" {
			r.Host = value
		} else if name != "" {
			r.Header.Set(name, value)
		}
		d, refusal := w.proxy.decide(r, w.dir, time.Now())
		got := d.sentence()
		if refusal != nil {
			got = fmt.Sprint(max(refusal.Status, refusal.Code()), " ", got)
		}
		if got != c.want {
			t.Errorf("%s, %s:\n got %s\nwant %s", c.request, c.header, got, c.want)
		}
	}
}
