package proxy

import (
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

func TestRoutes(t *testing.T) {
	for _, c := range []struct {
		platform errcode.Platform
		path     string
		want     route
		keyless  bool
	}{
		{errcode.MP, "/cgi-bin/user/info", route{class: "cgi_user"}, false},
		{errcode.MP, "/cgi-bin/get_api_domain_ip", route{class: "cgi_other"}, false},
		{errcode.MP, "/wxa/getwxacode", route{class: "wxa"}, false},
		{errcode.MP, "/made/up", route{class: "other"}, false},
		{errcode.MP, "/cgi-bin/token", route{class: "token", own: true}, true},
		{errcode.MP, "/cgi-bin/token/", route{class: "token", own: true}, true},
		{errcode.MP, "/cgi-bin/stable_token", route{class: "token", own: true}, true},
		{errcode.WeCom, "/cgi-bin/gettoken", route{class: "token", own: true}, true},
		{errcode.MP, "/cgi-bin/ticket/getticket", route{class: "ticket", own: true}, false},
		{errcode.WeCom, "/cgi-bin/get_jsapi_ticket", route{class: "ticket", own: true}, false},
		{errcode.WeCom, "/cgi-bin/ticket/get", route{class: "ticket", own: true}, false},
		{errcode.MP, "/-/jssdk/config", route{class: "own", own: true}, false},
		{errcode.MP, "/", route{class: "own", own: true}, false},
		{errcode.MP, "/sns/jscode2session", route{class: "sns_login", inject: injectSecret, login: true}, false},
		{errcode.MP, "/sns/oauth2/access_token", route{class: "sns_login", inject: injectSecret, login: true}, false},
		{errcode.MP, "/sns/oauth2/refresh_token", route{class: "sns_refresh", inject: injectAppID}, true},
		{errcode.MP, "/sns/userinfo", route{class: "sns_user", inject: injectNothing}, true},
		{errcode.MP, "/sns/auth", route{class: "sns_user", inject: injectNothing}, true},
		{errcode.WeCom, "/cgi-bin/webhook/send", route{class: "webhook", inject: injectNothing}, false},
		{errcode.MP, "/cgi-bin/webhook/send", route{class: "cgi_other"}, false},
		{errcode.WeCom, "/cgi-bin/miniprogram/jscode2session", route{class: "cgi_miniprogram", login: true}, false},
		{errcode.MP, "/sns/component/jscode2session", route{class: "sns_component", inject: injectNothing, login: true}, false},
		{errcode.WeCom, "/cgi-bin/auth/getuserinfo", route{class: "cgi_auth", login: true}, false},
		{errcode.MP, "/cgi-bin/miniprogram/jscode2session", route{class: "cgi_miniprogram"}, false},
		{errcode.WeCom, "/sns/userinfo", route{class: "sns"}, false},
	} {
		if got := routeOf(c.platform, c.path); got != c.want {
			t.Errorf("%s %s: got %+v, want %+v", c.platform, c.path, got, c.want)
		}
		if got := identificationOf(c.platform, c.path).keyless(); got != c.keyless {
			t.Errorf("%s %s: keyless is %v, want %v", c.platform, c.path, got, c.keyless)
		}
	}
}
