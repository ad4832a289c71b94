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

// maxLocalBody is the longest body, in bytes, of a request that the proxy answers
// itself.
const maxLocalBody = 64 << 10

// newLocal returns the router for what the proxy answers itself. It never
// redirects: the paths are clean already.
func (p *Proxy) newLocal() *mux.Router {
	r := mux.NewRouter().SkipClean(true)
	for _, path := range []string{"/cgi-bin/token", "/cgi-bin/stable_token", "/cgi-bin/gettoken"} {
		r.Handle(path, p.localHandler(p.serveToken))
	}
	for _, path := range []string{"/cgi-bin/ticket/getticket", "/cgi-bin/get_jsapi_ticket", "/cgi-bin/ticket/get"} {
		r.Handle(path, p.localHandler(p.serveTicket))
	}
	r.Handle(pathConfig, p.localHandler(p.serveJSConfig))
	r.Handle(pathCard, p.localHandler(p.serveCard))
	r.NotFoundHandler = p.localHandler(notFound)
	return r
}

// local is a call that the proxy answers itself.
type local struct {
	*call
	w    http.ResponseWriter
	r    *http.Request
	body []byte
}

// localHandler returns a handler that answers with the JSON that f returns.
func (p *Proxy) localHandler(f func(local) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := local{call: callOf(r.Context()), w: w, r: r}
		var err error
		if l.body, err = p.readLocalBody(w, r, l.bodyRule); err == nil {
			var doc []byte
			if doc, err = f(l); err == nil {
				emulate.Write(w, doc)
				return
			}
		}
		p.fail(w, l.call, err)
	})
}

// localRequest returns r with a clean path, for the router.
func localRequest(r *http.Request, path string) *http.Request {
	l := *r
	l.URL = &url.URL{Path: trimSlash(path), RawQuery: r.URL.RawQuery}
	return &l
}

func (p *Proxy) readLocalBody(w http.ResponseWriter, r *http.Request, rule bodyRule) ([]byte, error) {
	s := p.newSpool(w, r, rule)
	if s == nil {
		return nil, nil
	}
	defer s.close()
	return io.ReadAll(&reader{s: s})
}

func notFound(l local) ([]byte, error) {
	if l.path == "/" {
		return nil, noPath()
	}
	return nil, &answer.Refusal{Status: http.StatusNotFound, Message: "not found: the proxy itself serves only /-/jssdk/config and /-/jssdk/card"}
}

// serveToken answers a client that asks for an access_token with a placeholder,
// which WeChat does not accept, or with the real token if the operator wants that.
// It never forces a renewal.
func (p *Proxy) serveToken(l local) ([]byte, error) {
	ask, err := emulate.ParseTokenRequest(l.r, l.body)
	if err != nil {
		return nil, err
	}
	d, refusal := p.decideToken(l, ask)
	l.tokenDecision = &d
	if refusal != nil {
		return nil, refusal
	}
	if !p.opts.RealTokens {
		return emulate.TokenAnswer(access.Mint(d.account.Secret, d.account.Name, d.client), emulate.PlaceholderLife, ask.Platform), nil
	}
	cred, err := d.account.Token.Get(l.r.Context())
	if err != nil {
		return nil, err
	}
	return emulate.TokenAnswer(cred.Value.Reveal(), emulate.RealLife(cred.Left(time.Now())), ask.Platform), nil
}

// decideToken decides about a request for a token, of which the call's decision
// knows neither the client nor the account.
func (p *Proxy) decideToken(l local, ask emulate.TokenRequest) (decision, *answer.Refusal) {
	client, account, refusal := l.identifyTokenRequest(ask)
	d := p.newDecision(l.request, l.dir, client, account)
	if refusal == nil {
		refusal = takeRate(client, l.start)
	}
	if refusal == nil {
		refusal = p.authorizeToken(d, l.dir.Policy)
	}
	return d, refusal
}

// identifyTokenRequest authenticates a token request. Unknown callers get WeChat's
// own error codes.
func (l local) identifyTokenRequest(ask emulate.TokenRequest) (*access.Client, *Account, *answer.Refusal) {
	id, refusal := identifyBySecret(l.dir.Policy, offerOf(l.in), ask.Secret.Reveal())
	if refusal != nil {
		return nil, nil, refusal
	}
	n := accountNames{path: l.target.account, fromAppID: l.query.fromAppID, appID: ask.AppID, hostPlatform: l.hostPlatform}
	if n.path == "" && n.fromAppID == "" && n.appID == "" && l.hostPlatform == "" && strings.HasSuffix(l.r.URL.Path, "/gettoken") {
		n.hostPlatform = errcode.WeCom
	}
	account, refusal := l.dir.resolve(n, id.Client)
	switch {
	case refusal != nil && refusal.Status == http.StatusNotFound, refusal == nil && account == nil:
		return id.Client, nil, wrongAppID()
	case refusal != nil:
		return id.Client, nil, refusal
	case !id.Client.MayUse(account.Name):
		return id.Client, nil, wrongAppID()
	}
	return id.Client, account, nil
}

// authorizeToken applies the rules. For placeholders only deny rules apply; a
// placeholder grants nothing by itself.
func (p *Proxy) authorizeToken(d decision, policy *access.Policy) *answer.Refusal {
	v := d.mayCall(policy)
	if v.OK || !p.opts.RealTokens && v.Rule == "" {
		return nil
	}
	return &answer.Refusal{Status: http.StatusForbidden, Message: v.Reason}
}

func (p *Proxy) serveTicket(l local) ([]byte, error) {
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

// cors lets pages of the listed hosts read the answer. It reports whether the
// call is a preflight, which gets no other answer.
func (p *Proxy) cors(l local) (preflight bool) {
	h := l.w.Header()
	h.Add("Vary", "Origin")
	if allow, ok := emulate.CORS(l.r.Header.Get("Origin"), p.opts.JSSDKHosts); ok {
		h.Set("Access-Control-Allow-Origin", allow)
		h.Set("Access-Control-Allow-Headers", "Authorization")
		h.Set("Access-Control-Allow-Methods", "GET")
		h.Set("Access-Control-Max-Age", "600")
	}
	return isPreflight(l.in, l.path)
}

// serveJSConfig signs a page's URL for wx.config, or for WeCom's wx.agentConfig if
// type is agent_config.
func (p *Proxy) serveJSConfig(l local) ([]byte, error) {
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

func (p *Proxy) serveCard(l local) ([]byte, error) {
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

// params returns the query of an endpoint that accepts only GET.
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

// list returns the items of a parameter that is a comma-separated list, or given
// several times.
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
