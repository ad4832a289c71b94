package proxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
)

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
