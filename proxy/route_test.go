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
	}{
		{errcode.MP, "/cgi-bin/user/info", route{class: "cgi_user"}},
		{errcode.MP, "/cgi-bin/get_api_domain_ip", route{class: "cgi_other"}},
		{errcode.MP, "/wxa/getwxacode", route{class: "wxa"}},
		{errcode.MP, "/made/up", route{class: "other"}},
		{errcode.MP, "/cgi-bin/token", route{class: "token", own: true, keyless: true}},
		{errcode.MP, "/cgi-bin/token/", route{class: "token", own: true, keyless: true}},
		{errcode.MP, "/cgi-bin/stable_token", route{class: "token", own: true, keyless: true}},
		{errcode.WeCom, "/cgi-bin/gettoken", route{class: "token", own: true, keyless: true}},
		{errcode.MP, "/cgi-bin/ticket/getticket", route{class: "ticket", own: true}},
		{errcode.WeCom, "/cgi-bin/get_jsapi_ticket", route{class: "ticket", own: true}},
		{errcode.WeCom, "/cgi-bin/ticket/get", route{class: "ticket", own: true}},
		{errcode.MP, "/-/jssdk/config", route{class: "own", own: true}},
		{errcode.MP, "/", route{class: "own", own: true}},
		{errcode.MP, "/sns/jscode2session", route{class: "sns_login", inject: injectSecret, login: true}},
		{errcode.MP, "/sns/oauth2/access_token", route{class: "sns_login", inject: injectSecret, login: true}},
		{errcode.MP, "/sns/oauth2/refresh_token", route{class: "sns_refresh", inject: injectAppID, keyless: true}},
		{errcode.MP, "/sns/userinfo", route{class: "sns_user", inject: injectNothing, keyless: true}},
		{errcode.MP, "/sns/auth", route{class: "sns_user", inject: injectNothing, keyless: true}},
		{errcode.WeCom, "/cgi-bin/webhook/send", route{class: "webhook", inject: injectNothing}},
		{errcode.MP, "/cgi-bin/webhook/send", route{class: "cgi_other"}},
		{errcode.WeCom, "/cgi-bin/miniprogram/jscode2session", route{class: "cgi_miniprogram", login: true}},
		{errcode.MP, "/sns/component/jscode2session", route{class: "sns_component", inject: injectNothing, login: true}},
		{errcode.WeCom, "/cgi-bin/auth/getuserinfo", route{class: "cgi_auth", login: true}},
		{errcode.MP, "/cgi-bin/miniprogram/jscode2session", route{class: "cgi_miniprogram"}},
		{errcode.WeCom, "/sns/userinfo", route{class: "sns"}},
	} {
		if got := routeOf(c.platform, c.path); got != c.want {
			t.Errorf("%s %s: got %+v, want %+v", c.platform, c.path, got, c.want)
		}
	}
}
