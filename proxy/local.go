package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/emulate"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// maxLocalBody bounds what a client may send to an endpoint that is answered
// here, in bytes.
const maxLocalBody = 64 << 10

// newLocal routes what is answered here. Paths come in decoded and collapsed,
// and no answer is a redirect.
func (p *Proxy) newLocal() *mux.Router {
	r := mux.NewRouter().SkipClean(true)
	for _, path := range []string{"/cgi-bin/token", "/cgi-bin/stable_token", "/cgi-bin/gettoken"} {
		r.Handle(path, p.locally(p.giveToken))
	}
	for _, path := range []string{"/cgi-bin/ticket/getticket", "/cgi-bin/get_jsapi_ticket", "/cgi-bin/ticket/get"} {
		r.Handle(path, p.locally(p.giveTicket))
	}
	r.Handle("/-/jssdk/config", p.locally(p.signConfig))
	r.Handle("/-/jssdk/card", p.locally(p.signCard))
	r.NotFoundHandler = p.locally(notFound)
	return r
}

// local is a request for an endpoint answered here.
type local struct {
	*call
	w    http.ResponseWriter
	r    *http.Request
	body []byte
}

// locally makes a handler of f, whose document is the answer.
func (p *Proxy) locally(f func(local) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := local{call: callOf(r.Context()), w: w, r: r}
		var err error
		if l.body, err = p.shortBody(w, r); err == nil {
			var doc []byte
			if doc, err = f(l); err == nil {
				emulate.Write(w, doc)
				return
			}
		}
		p.failed(w, l.call, err)
	})
}

// localRequest is r as the routes see it.
func localRequest(r *http.Request, path string) *http.Request {
	l := *r
	l.URL = &url.URL{Path: withoutSlash(path), RawQuery: r.URL.RawQuery}
	return &l
}

func (p *Proxy) shortBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	s := p.newSpool(w, r, maxLocalBody)
	if s == nil {
		return nil, nil
	}
	defer s.close()
	return io.ReadAll(&reader{s: s})
}

func notFound(l local) ([]byte, error) {
	if l.path == "/" {
		return nil, greeting()
	}
	return nil, &answer.Refusal{Status: http.StatusNotFound, Message: "not found: the proxy itself serves only /-/jssdk/config and /-/jssdk/card"}
}

// giveToken answers a client that insists on a token: with a placeholder, which
// is worth nothing at WeChat, or with the real one where the operator wants
// that. Whatever it asks for, WeChat is not asked.
func (p *Proxy) giveToken(l local) ([]byte, error) {
	ask, err := emulate.ParseTokenRequest(l.r, l.body)
	if err != nil {
		return nil, err
	}
	if refusal := l.asker(ask); refusal != nil {
		return nil, refusal
	}
	if refusal := p.mayHaveToken(l); refusal != nil {
		return nil, refusal
	}
	if !p.opts.RealTokens {
		return emulate.TokenAnswer(access.Mint(l.account.Secret, l.account.Name, l.client), emulate.PlaceholderLife, ask.Platform), nil
	}
	cred, err := l.account.Token.Get(l.r.Context())
	if err != nil {
		return nil, err
	}
	return emulate.TokenAnswer(cred.Value.Reveal(), emulate.RealLife(cred.Left(time.Now())), ask.Platform), nil
}

// asker says who asks for a token and of which account, in WeChat's own words
// where that is nobody, or none of theirs.
func (l local) asker(ask emulate.TokenRequest) *answer.Refusal {
	id, refusal := identifyBySecret(l.dir.Policy, offerOf(l.in), ask.Secret.Reveal())
	if refusal != nil {
		return refusal
	}
	l.client = id.Client
	n := naming{path: l.target.account, fromAppID: l.query.fromAppID, appID: ask.AppID, host: l.named}
	if n.path == "" && n.fromAppID == "" && n.appID == "" && l.named == "" && strings.HasSuffix(l.r.URL.Path, "/gettoken") {
		n.host = errcode.WeCom
	}
	account, refusal := l.dir.resolve(n, l.client)
	switch {
	case refusal != nil && refusal.Status == http.StatusNotFound, refusal == nil && account == nil:
		return wrongAppID()
	case refusal != nil:
		return refusal
	case !l.client.MayUse(account.Name):
		return wrongAppID()
	}
	l.decision = l.on(l.dir, account)
	return takeRate(l.client, l.start)
}

// mayHaveToken applies the rules. While it is a placeholder that is given, only
// what is denied counts: it opens nothing that the rules do not.
func (p *Proxy) mayHaveToken(l local) *answer.Refusal {
	v := l.mayCall(l.dir.Policy)
	if v.OK || !p.opts.RealTokens && v.Rule == "" {
		return nil
	}
	return &answer.Refusal{Status: http.StatusForbidden, Message: v.Reason}
}

func (p *Proxy) giveTicket(l local) ([]byte, error) {
	kind, err := emulate.TicketKind(l.platform, l.r.URL.Path, l.r, l.body)
	if err != nil {
		return nil, err
	}
	cred, err := l.ticket(kind)
	if err != nil {
		return nil, err
	}
	return emulate.TicketAnswer(cred.Value.Reveal(), emulate.TicketLife(cred, time.Now())), nil
}

func (l local) ticket(kind token.Kind) (token.Credential, error) {
	keeper := l.account.Ticket(kind)
	if keeper == nil {
		return token.Credential{}, malformed(fmt.Sprintf("account %q has no %s ticket", l.account.Name, kind))
	}
	return keeper.Get(l.r.Context())
}

const (
	pathConfig = "/-/jssdk/config"
	pathCard   = "/-/jssdk/card"
)

func isJSSDK(path string) bool { return path == pathConfig || path == pathCard }

// preflight reports whether the call is a browser's question whether it may
// ask, which comes without a key.
func (p *Proxy) preflight(r *http.Request, path string) bool {
	return r.Method == http.MethodOptions && isJSSDK(path) && r.Header.Get("Access-Control-Request-Method") != ""
}

// allowedOrigins says which origins of pages may call path; nil: none but our own.
func (p *Proxy) allowedOrigins(path string) func(origin string) bool {
	if !isJSSDK(path) {
		return nil
	}
	return func(origin string) bool {
		_, ok := emulate.CORS(origin, p.opts.JSSDKHosts)
		return ok
	}
}

// cors lets pages of the listed hosts read the answer. It reports that the
// call was a preflight, and is done with.
func (p *Proxy) cors(l local) (done bool) {
	h := l.w.Header()
	h.Add("Vary", "Origin")
	if allow, ok := emulate.CORS(l.r.Header.Get("Origin"), p.opts.JSSDKHosts); ok {
		h.Set("Access-Control-Allow-Origin", allow)
		h.Set("Access-Control-Allow-Headers", "Authorization")
		h.Set("Access-Control-Allow-Methods", "GET")
		h.Set("Access-Control-Max-Age", "600")
	}
	return p.preflight(l.in, l.path)
}

// signConfig signs a page's URL for wx.config; with type=agent_config, a WeCom
// page's for wx.agentConfig.
func (p *Proxy) signConfig(l local) ([]byte, error) {
	if p.cors(l) {
		return []byte("{}"), nil
	}
	q, err := l.params()
	if err != nil {
		return nil, err
	}
	if len(q["url"]) > 1 {
		return nil, malformed("url is given twice: escape every & in it")
	}
	page, err := emulate.Page(q.Get("url"), p.opts.JSSDKHosts)
	if err != nil {
		return nil, err
	}
	kind := token.JSAPI
	if q.Get("type") == string(token.AgentConfig) {
		kind = token.AgentConfig
	}
	ticket, err := l.ticket(kind)
	if err != nil {
		return nil, err
	}
	config := emulate.NewJSConfig(l.account.ID, ticket.Value, page, emulate.Nonce(), time.Now())
	config.JsAPIList, config.OpenTagList = list(q["jsApiList"]), list(q["openTagList"])
	return config.Answer(), nil
}

func (p *Proxy) signCard(l local) ([]byte, error) {
	if p.cors(l) {
		return []byte("{}"), nil
	}
	q, err := l.params()
	if err != nil {
		return nil, err
	}
	ticket, err := l.ticket(token.WXCard)
	if err != nil {
		return nil, err
	}
	return emulate.NewCard(emulate.ParseCardRequest(q), l.account.ID, ticket.Value, emulate.Nonce(), time.Now()).Answer(), nil
}

// params is the query of an endpoint that takes GET only.
func (l local) params() (url.Values, error) {
	if l.method != http.MethodGet && l.method != http.MethodHead {
		return nil, malformed("this path accepts only GET")
	}
	q, err := url.ParseQuery(l.query.raw)
	if err != nil {
		return nil, malformed("the query is malformed") // err quotes a value
	}
	return q, nil
}

// list splits what is given with commas, or several times.
func list(values []string) []string {
	var out []string
	for _, v := range values {
		for item := range strings.SplitSeq(v, ",") {
			if item = strings.TrimSpace(item); item != "" {
				out = append(out, item)
			}
		}
	}
	return out
}

// refusalOf is err as an answer of ours.
func refusalOf(err error) *answer.Refusal {
	if r := refusalIn(err); r != nil {
		return r
	}
	return failure(err)
}
