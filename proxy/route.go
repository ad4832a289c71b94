package proxy

import (
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// route is how a path is handled.
type route struct {
	class  string // for metrics, see classOf
	inject injection
	own    bool // the proxy answers itself
	// login paths take a code that works only once: they are never sent twice.
	login bool
}

// Classes of paths that the proxy answers itself.
const (
	classToken  = "token"
	classTicket = "ticket"
	classOwn    = "own"
)

// injection says which credentials of the account a path gets.
type injection int

const (
	injectToken   injection = iota // access_token: nearly all paths
	injectSecret                   // appid and secret: /sns/jscode2session, /sns/oauth2/access_token
	injectAppID                    // appid only: /sns/oauth2/refresh_token
	injectNothing                  // none: /sns/userinfo, /sns/auth, WeCom webhooks
)

// Paths of the JSSDK endpoints.
const (
	pathConfig = "/-/jssdk/config"
	pathCard   = "/-/jssdk/card"
)

func isJSSDK(path string) bool { return path == pathConfig || path == pathCard }

// routeOf returns the route of a decoded path. It follows WeChat's documentation
// of these endpoints.
func routeOf(p errcode.Platform, path string) route {
	path = trimSlash(path) // WeChat might treat both alike
	switch path {
	case "/cgi-bin/token", "/cgi-bin/stable_token", "/cgi-bin/gettoken":
		return route{class: classToken, own: true}
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
		return route{class: "sns_refresh", inject: injectAppID}
	case "/sns/userinfo", "/sns/auth":
		return route{class: "sns_user", inject: injectNothing}
	}
	if strings.HasPrefix(path, "/sns/component/") || strings.HasPrefix(path, "/sns/oauth2/component/") {
		return route{class: "sns_component", inject: injectNothing, login: true} // they take the token of a third-party platform, which the client has
	}
	return route{class: classOf(path)}
}

// routeOfWeCom returns the route of a WeCom path. Webhooks have a key in the query,
// and service paths take a suite's token, which the client has.
func routeOfWeCom(path string) route {
	switch {
	case path == "/cgi-bin/webhook/send" || path == "/cgi-bin/webhook/upload_media":
		return route{class: "webhook", inject: injectNothing}
	case strings.HasPrefix(path, "/cgi-bin/service/"):
		return route{class: "service", inject: injectNothing, login: isWeComLogin(path)}
	}
	return route{class: classOf(path), login: isWeComLogin(path)}
}

// isWeComLogin reports a path that exchanges a user's code (in WeCom's
// documentation: "Get the visitor's identity", "code2Session").
func isWeComLogin(path string) bool {
	switch path {
	case "/cgi-bin/auth/getuserinfo", "/cgi-bin/user/getuserinfo", "/cgi-bin/miniprogram/jscode2session",
		"/cgi-bin/service/auth/getuserinfo3rd", "/cgi-bin/service/getuserinfo3rd", "/cgi-bin/service/miniprogram/jscode2session":
		return true
	}
	return false
}

// classOf returns the class of a path. Classes come from a fixed table, so that
// clients cannot create metric labels.
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
