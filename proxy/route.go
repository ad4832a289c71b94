package proxy

import (
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// route is what a path wants from us.
type route struct {
	class  string // a name for metrics, one of a few dozen: see classOf
	inject injection
	own    bool // answered here, never sent on
	// keyless paths need no key: an SDK has no place to send one there.
	keyless bool
	// login paths take a code that works once: they are never executed twice.
	login bool
}

// Classes of paths that are answered here.
const (
	classToken  = "token"
	classTicket = "ticket"
	classOwn    = "own"
)

// classUser is that of paths that take a user's access_token, not an account's.
const classUser = "sns_user"

// injection says which of our credentials a path gets.
type injection int

const (
	injectToken   injection = iota // access_token in the query: nearly everything
	injectSecret                   // appid and secret: /sns/jscode2session, /sns/oauth2/access_token
	injectAppID                    // appid only: /sns/oauth2/refresh_token
	injectNothing                  // the client's own: /sns/userinfo, /sns/auth, WeCom webhooks
)

// routeOf returns the route of a decoded, collapsed path. The table follows
// WeChat's own pages of these endpoints.
func routeOf(p errcode.Platform, path string) route {
	path = withoutSlash(path) // WeChat might take it for that, so we do
	switch path {
	case "/cgi-bin/token", "/cgi-bin/stable_token", "/cgi-bin/gettoken":
		return route{class: classToken, own: true, keyless: true}
	case "/cgi-bin/ticket/getticket", "/cgi-bin/get_jsapi_ticket", "/cgi-bin/ticket/get":
		return route{class: classTicket, own: true}
	}
	if strings.HasPrefix(path, "/-/") || path == "/-" || path == "/" {
		return route{class: classOwn, own: true}
	}
	if p == errcode.WeCom {
		return routeOfWeCom(path)
	}
	switch path {
	case "/sns/jscode2session", "/sns/oauth2/access_token":
		return route{class: "sns_login", inject: injectSecret, login: true}
	case "/sns/oauth2/refresh_token":
		return route{class: "sns_refresh", inject: injectAppID, keyless: true}
	case "/sns/userinfo", "/sns/auth":
		return route{class: classUser, inject: injectNothing, keyless: true}
	}
	if strings.HasPrefix(path, "/sns/component/") || strings.HasPrefix(path, "/sns/oauth2/component/") {
		return route{class: "sns_component", inject: injectNothing, login: true} // they want a platform's token, which the client has
	}
	return route{class: classOf(path)}
}

// routeOfWeCom knows the paths of WeCom that want no agent's token: the robot's
// key is in the query, a suite's token is the client's own.
func routeOfWeCom(path string) route {
	switch {
	case path == "/cgi-bin/webhook/send" || path == "/cgi-bin/webhook/upload_media":
		return route{class: "webhook", inject: injectNothing}
	case strings.HasPrefix(path, "/cgi-bin/service/"):
		return route{class: "service", inject: injectNothing, login: isWeComLogin(path)}
	}
	return route{class: classOf(path), login: isWeComLogin(path)}
}

// isWeComLogin reports a path that exchanges a user's code ("Get the visitor's
// identity", "code2Session" in WeCom's docs).
func isWeComLogin(path string) bool {
	switch path {
	case "/cgi-bin/auth/getuserinfo", "/cgi-bin/user/getuserinfo", "/cgi-bin/miniprogram/jscode2session",
		"/cgi-bin/service/auth/getuserinfo3rd", "/cgi-bin/service/getuserinfo3rd", "/cgi-bin/service/miniprogram/jscode2session":
		return true
	}
	return false
}

// classOf names the group of paths that path belongs to. The names are a table,
// so that no client can make up a label.
func classOf(path string) string {
	first, rest, _ := strings.Cut(path[1:], "/")
	if first == "cgi-bin" {
		second, _, _ := strings.Cut(rest, "/")
		return cgiClass(second)
	}
	switch first {
	case "wxa", "wxaapi", "datacube", "customservice", "card", "channels", "shop", "product", "express", "tcb", "cv", "sns", "semantic", "merchant":
		return first
	}
	return "other"
}

func cgiClass(second string) string {
	switch second {
	case "message":
		return "cgi_message"
	case "media":
		return "cgi_media"
	case "material":
		return "cgi_material"
	case "menu":
		return "cgi_menu"
	case "user":
		return "cgi_user"
	case "tags":
		return "cgi_tags"
	case "template":
		return "cgi_template"
	case "qrcode":
		return "cgi_qrcode"
	case "draft":
		return "cgi_draft"
	case "freepublish":
		return "cgi_freepublish"
	case "comment":
		return "cgi_comment"
	case "openapi":
		return "cgi_openapi"
	case "component":
		return "cgi_component"
	case "wxopen":
		return "cgi_wxopen"
	case "express":
		return "cgi_express"
	case "guide":
		return "cgi_guide"
	case "department":
		return "cgi_department"
	case "externalcontact":
		return "cgi_externalcontact"
	case "appchat":
		return "cgi_appchat"
	case "oa":
		return "cgi_oa"
	case "agent":
		return "cgi_agent"
	case "batch":
		return "cgi_batch"
	case "wedrive":
		return "cgi_wedrive"
	case "wedoc":
		return "cgi_wedoc"
	case "miniprogram":
		return "cgi_miniprogram"
	case "auth":
		return "cgi_auth"
	case "kf":
		return "cgi_kf"
	}
	return "cgi_other"
}
