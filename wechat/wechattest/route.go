package wechattest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

const (
	legacyPath      = "/cgi-bin/token"
	stablePath      = "/cgi-bin/stable_token"
	agentPath       = "/cgi-bin/gettoken"
	ticketPath      = "/cgi-bin/ticket/getticket"
	corpTicketPath  = "/cgi-bin/get_jsapi_ticket"
	agentTicketPath = "/cgi-bin/ticket/get"
	clearV2Path     = "/cgi-bin/clear_quota/v2"
	webhookPath     = "/cgi-bin/webhook/send"
	agentSendPath   = "/cgi-bin/message/send"
)

// group is the kind of credential that a path takes.
type group int

const (
	unknownGroup group = iota
	tokenGroup         // returns tokens for a secret
	ticketGroup        // returns tickets for a token
	apiGroup           // takes the account's token
	secretGroup        // takes appid and secret, and no token
	userGroup          // takes a user's token
	openGroup          // takes none of these
)

// takesToken reports whether an access_token belongs to calls of the group.
func (g group) takesToken() bool {
	return g != tokenGroup && g != secretGroup && g != openGroup
}

// groupOf returns the path's group at the platform's host, unknownGroup if the
// host does not have the path.
func groupOf(p errcode.Platform, path string) group {
	if !hasPath(p, path) {
		return unknownGroup
	}
	switch path {
	case legacyPath, stablePath, agentPath:
		return tokenGroup
	case ticketPath, corpTicketPath, agentTicketPath:
		return ticketGroup
	case "/sns/jscode2session", "/sns/oauth2/access_token", clearV2Path:
		return secretGroup
	case "/sns/userinfo", "/sns/auth":
		return userGroup
	case "/sns/oauth2/refresh_token", webhookPath:
		return openGroup
	}
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if rest != "" && strings.HasPrefix(path, "/") && apiSegment(first) {
		return apiGroup
	}
	return unknownGroup
}

// apiSegment reports whether WeChat has paths with this first segment that take
// the account's token.
func apiSegment(segment string) bool {
	switch segment {
	case "cgi-bin", "wxa", "wxaapi", "wxaproduct", "datacube", "customservice", "card", "channels", "shop", "product",
		"express", "tcb", "cv", "semantic", "merchant", "marketing", "union", "business", "scan", "bizwifi",
		"shakearound", "device", "hardware", "intp", "nontax", "invoice", "game", "minigame":
		return true
	}
	return false
}

// platformOf returns the platform that a Host header, with or without a port,
// belongs to.
func platformOf(host string) errcode.Platform {
	name, _, _ := strings.Cut(host, ":")
	if strings.EqualFold(name, "qyapi.weixin.qq.com") {
		return errcode.WeCom
	}
	return errcode.MP
}

// hasPath reports whether the platform's host has the path, as far as it depends
// on the platform. Paths that need an account's token exist on both hosts; see
// permission.
func hasPath(p errcode.Platform, path string) bool {
	switch path {
	case agentPath, corpTicketPath, agentTicketPath, webhookPath:
		return p == errcode.WeCom
	case legacyPath, stablePath, ticketPath, clearV2Path:
		return p == errcode.MP
	}
	return p == errcode.MP || !strings.HasPrefix(path, "/sns/")
}

// permission returns the errcode for a call with a good token of an account that
// may not use the path, 0 if it may.
func permission(p errcode.Platform, path string) int {
	under := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
	}
	if p == errcode.WeCom {
		if !under("/cgi-bin/") || under("/cgi-bin/openapi/", "/cgi-bin/clear_quota", "/cgi-bin/component/") {
			return 48002
		}
		return 0
	}
	switch {
	case under("/cgi-bin/component/"):
		return 61014
	case path == agentSendPath || under("/cgi-bin/externalcontact/", "/cgi-bin/department/"):
		return 48001
	}
	return 0
}

// isWeCom reports whether the call came to WeCom's host.
func (q *request) isWeCom() bool { return q.platform == errcode.WeCom }

// handler answers a call that admit let in.
type handler func(*Server, *request) answer

// endpoint is one path that is modelled.
type endpoint struct {
	method string // "" accepts every method
	serve  handler
}

// endpointOf returns the endpoint of a path, an echo for a path that is not
// modelled.
func endpointOf(path string) endpoint {
	const get, post = http.MethodGet, http.MethodPost
	switch path {
	case legacyPath:
		return endpoint{get, (*Server).legacyToken}
	case stablePath:
		return endpoint{post, (*Server).stableToken}
	case agentPath:
		return endpoint{get, (*Server).agentToken}
	case ticketPath, corpTicketPath, agentTicketPath:
		return endpoint{get, (*Server).ticket}
	case "/sns/jscode2session":
		return endpoint{get, (*Server).session}
	case "/sns/oauth2/access_token":
		return endpoint{get, (*Server).userToken}
	case "/sns/oauth2/refresh_token":
		return endpoint{get, (*Server).refreshUserToken}
	case "/sns/userinfo":
		return endpoint{get, (*Server).userinfo}
	case "/sns/auth":
		return endpoint{get, (*Server).auth}
	case "/cgi-bin/media/upload", "/cgi-bin/material/add_material", "/cgi-bin/media/uploadimg", "/wxa/img_sec_check":
		return endpoint{post, (*Server).upload}
	case "/cgi-bin/media/get", "/cgi-bin/media/get/jssdk":
		return endpoint{get, (*Server).download}
	case "/cgi-bin/material/get_material":
		return endpoint{post, (*Server).material}
	case "/wxa/getwxacode", "/wxa/getwxacodeunlimit", "/cgi-bin/wxaapp/createwxaqrcode":
		return endpoint{post, (*Server).qrcode}
	}
	return moreEndpoints(path)
}

func moreEndpoints(path string) endpoint {
	const get, post = http.MethodGet, http.MethodPost
	switch path {
	case "/cgi-bin/user/info":
		return endpoint{get, (*Server).userInfo}
	case "/cgi-bin/user/get":
		return endpoint{get, (*Server).users}
	case "/cgi-bin/message/custom/send":
		return endpoint{post, (*Server).customMessage}
	case "/cgi-bin/message/template/send":
		return endpoint{post, (*Server).templateMessage}
	case agentSendPath:
		return endpoint{post, (*Server).agentMessage}
	case webhookPath:
		return endpoint{post, (*Server).webhook}
	case "/cgi-bin/menu/create":
		return endpoint{post, (*Server).menu}
	case "/cgi-bin/get_api_domain_ip", "/cgi-bin/getcallbackip":
		return endpoint{get, (*Server).ipList}
	case "/cgi-bin/openapi/quota/get":
		return endpoint{post, (*Server).quotaGet}
	case "/cgi-bin/openapi/rid/get":
		return endpoint{post, (*Server).ridGet}
	case "/cgi-bin/clear_quota":
		return endpoint{post, (*Server).clearQuota}
	case clearV2Path:
		return endpoint{post, (*Server).clearQuotaV2}
	}
	return endpoint{"", (*Server).echo}
}

// answer returns WeChat's answer to a call.
func (s *Server) answer(q *request) answer {
	if q.call.Chunked {
		s.count("violation", "")
		// Observed in the field on every path tried: no body, no Content-Type.
		return answer{status: http.StatusPreconditionFailed}
	}
	if q.trouble.replacesCall() {
		return s.troubleAnswer(q)
	}
	a := s.serve(q)
	if q.trouble.Execute {
		executed := a.executed
		a = s.troubleAnswer(q)
		a.executed = executed
	}
	return a
}

// troubleAnswer is the answer that a trouble gives instead of the regular one.
func (s *Server) troubleAnswer(q *request) answer {
	t := q.trouble
	switch t.Kind {
	case Status:
		if t.Status == 0 {
			t.Status = http.StatusInternalServerError
		}
		return page(t.Status)
	case Garbage:
		return page(http.StatusOK)
	case Empty:
		return answer{status: http.StatusOK, ctype: typeHTML}
	case Retired:
		return q.fail(48017)
	case Busy:
		return q.fail(-1)
	case Errcode:
		return q.fail(t.Status)
	case Early:
		q.early = true
		s.count("spurious", "")
		if q.isWeCom() {
			return q.reject(40014)
		}
		return q.reject(40001)
	case Redirect:
		host := "api.weixin.qq.com"
		if q.isWeCom() {
			host = "qyapi.weixin.qq.com"
		}
		a := page(http.StatusFound)
		a.header = [][2]string{{"Location", "https://" + host + q.r.URL.RequestURI()}}
		return a
	}
	return answer{status: http.StatusOK} // Reset and Hang: it is not sent
}

// serve returns the regular answer to a call.
func (s *Server) serve(q *request) answer {
	if q.group == unknownGroup {
		return page(http.StatusNotFound)
	}
	if no, ok := s.admit(q); !ok {
		return no
	}
	e := endpointOf(q.path)
	switch method := q.r.Method; {
	case e.method == http.MethodPost && method != http.MethodPost:
		return q.fail(43002)
	case e.method == http.MethodGet && method != http.MethodGet && method != http.MethodHead:
		return q.fail(43001)
	}
	return e.serve(s, q)
}
