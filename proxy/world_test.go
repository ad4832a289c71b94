package proxy

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/source"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

const (
	shopID     = "wx0123456789abcdef"
	shopSecret = "0123456789abcdef0123456789abcdef"
	blogID     = "wxfedcba9876543210"
	blogSecret = "fedcba9876543210fedcba9876543210"
	corpID     = "ww0123456789abcdef"
	corpSecret = "agent-secret-agent-secret-agent"
)

// world is a proxy with accounts "shop", "blog" and "staff" (WeCom), in front
// of a WeChat.
type world struct {
	t        testing.TB
	wechat   *wechattest.Server
	manager  *token.Manager
	proxy    *Proxy
	server   *httptest.Server
	url      string
	dir      *Directory
	client   *http.Client
	upstream *wechat.Hosts // of MP
	weCom    *wechat.Hosts

	mu      sync.Mutex
	records []Record
	events  []token.Event
	logs    bytes.Buffer
}

// setup is what a test wants to be different.
type setup struct {
	legacy   bool
	hosts    func(simulator string) []string // of the upstream
	tokens   []string                        // hosts that shop's token is fetched from; nil: the simulator
	secret   string                          // shop's AppSecret, as the proxy has it; "": shopSecret
	timeout  time.Duration
	openFor  time.Duration
	clients  []access.ClientSpec
	deny     []string
	proxy    func(*Options)
	wechat   func(*wechattest.Options)
	server   func(*httptest.Server)
	noShop   bool // as the default
	logLevel slog.Level
}

func newWorld(t testing.TB, s setup) *world {
	t.Helper()
	w := &world{t: t}
	wo := wechattest.Options{Accounts: []wechattest.Account{
		{AppID: shopID, Secret: shopSecret}, {AppID: blogID, Secret: blogSecret},
		{AppID: corpID, Secret: corpSecret, WeCom: true, AgentID: 7},
	}}
	if s.wechat != nil {
		s.wechat(&wo)
	}
	w.wechat = wechattest.NewServer(wo)
	hosts := []string{w.wechat.URL}
	if s.hosts != nil {
		hosts = s.hosts(w.wechat.URL)
	}
	tokens := newClient(t, source.Options{Upstreams: []string{w.wechat.URL}})
	shopTokens := tokens
	if s.tokens != nil {
		shopTokens = newClient(t, source.Options{Upstreams: s.tokens})
		t.Cleanup(shopTokens.Close)
	}
	appSecret := secret.New(cmp.Or(s.secret, shopSecret))
	weComTokens := newClient(t, source.Options{Platform: errcode.WeCom, Upstreams: []string{w.wechat.WeComURL}})
	w.manager = token.NewManager(token.Options{OnEvent: w.event})

	spec := token.Spec{Kind: token.AccessToken, Source: shopTokens.Stable(shopID, appSecret), Schedule: token.StableSchedule(), Eager: true}
	if s.legacy {
		spec.Source, spec.Schedule = shopTokens.Legacy(shopID, appSecret), token.LegacySchedule()
	}
	blog := token.Spec{Kind: token.AccessToken, Source: tokens.Stable(blogID, secret.New(blogSecret)), Schedule: token.StableSchedule()}
	staff := token.Spec{Kind: token.AccessToken, Source: weComTokens.WeCom(corpID, secret.New(corpSecret)), Schedule: token.WeComSchedule()}
	ticket := func(account string, p errcode.Platform, kind token.Kind) token.Spec {
		return token.Spec{Kind: kind, Schedule: token.TicketSchedule(), Source: token.SourceFunc(func(ctx ctxType, r token.FetchRequest) (token.Fetched, error) {
			if p == errcode.WeCom {
				return weComTokens.Ticket(w.manager.Keeper(account, token.AccessToken), p, kind).Fetch(ctx, r)
			}
			return tokens.Ticket(w.manager.Keeper(account, token.AccessToken), p, kind).Fetch(ctx, r)
		})}
	}
	w.manager.Set([]token.Account{
		{Name: "shop", ID: shopID, Credentials: []token.Spec{spec, ticket("shop", errcode.MP, token.JSAPI), ticket("shop", errcode.MP, token.WXCard), ticket("shop", errcode.MP, token.SDK)}},
		{Name: "blog", ID: blogID, Credentials: []token.Spec{blog, ticket("blog", errcode.MP, token.JSAPI)}},
		{Name: "staff", ID: corpID, Credentials: []token.Spec{staff, ticket("staff", errcode.WeCom, token.JSAPI), ticket("staff", errcode.WeCom, token.AgentConfig)}},
	})
	upstream, err := wechat.NewHosts(wechat.Options{BaseURLs: hosts, Timeout: s.timeout, BreakerOpenFor: s.openFor})
	if err != nil {
		t.Fatal(err)
	}
	w.upstream = upstream
	weCom, err := wechat.NewHosts(wechat.Options{Platform: errcode.WeCom, BaseURLs: []string{w.wechat.WeComURL}, Timeout: s.timeout, BreakerOpenFor: s.openFor})
	if err != nil {
		t.Fatal(err)
	}
	w.weCom = weCom
	policy, err := access.New(access.Options{Clients: s.clients, Deny: s.deny, Anonymous: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.dir = w.directory(policy, !s.noShop)
	o := Options{OnCall: w.called, Logger: slog.New(slog.NewJSONHandler(&locked{w: w}, &slog.HandlerOptions{Level: s.logLevel}))}
	if s.proxy != nil {
		s.proxy(&o)
	}
	w.proxy = New(o)
	w.proxy.Use(w.dir)
	w.server = httptest.NewUnstartedServer(w.proxy)
	if s.server != nil {
		s.server(w.server)
	}
	w.server.Start()
	w.url = w.server.URL
	transport := &http.Transport{MaxIdleConnsPerHost: 1024, DialContext: servetest.Loopback}
	w.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		w.wechat.Close()
		w.server.Close()
		w.manager.Close()
		upstream.Close()
		weCom.Close()
		tokens.Close()
		weComTokens.Close()
	})
	return w
}

func newClient(t testing.TB, o source.Options) *source.Client {
	t.Helper()
	c, err := source.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) directory(policy *access.Policy, withDefault bool) *Directory {
	account := func(name, id, appSecret string, p errcode.Platform) *Account {
		return &Account{Name: name, ID: id, Platform: p, Secret: secret.New(appSecret), Token: w.manager.Keeper(name, token.AccessToken),
			Ticket: func(k token.Kind) *token.Keeper { return w.manager.Keeper(name, k) }}
	}
	shop, blog := account("shop", shopID, shopSecret, errcode.MP), account("blog", blogID, blogSecret, errcode.MP)
	staff := account("staff", corpID, corpSecret, errcode.WeCom)
	d := &Directory{
		Accounts:  map[string]*Account{"shop": shop, "blog": blog, "staff": staff},
		ByID:      map[string][]*Account{shopID: {shop}, blogID: {blog}, corpID: {staff}},
		Policy:    policy,
		Upstreams: map[errcode.Platform]*wechat.Hosts{errcode.MP: w.upstream, errcode.WeCom: w.weCom},
	}
	if withDefault {
		d.Default = shop
	}
	return d
}

func (w *world) event(e token.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

func (w *world) called(r Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records = append(w.records, r)
}

// locked writes to a world's log.
type locked struct{ w *world }

func (l *locked) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.logs.Write(p)
}

// warm makes sure that shop's token is there, and clears what was seen.
func (w *world) warm() {
	w.t.Helper()
	if _, err := w.manager.Keeper("shop", token.AccessToken).Get(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.wechat.ResetLog()
}

// reply is what a client got.
type got struct {
	*http.Response
	body string
	Code int    `json:"errcode"`
	Msg  string `json:"errmsg"`
}

func (g got) String() string { return fmt.Sprintf("%d %s", g.StatusCode, g.body) }

// call makes a call: "GET /path", with a body, and headers as "Name: value".
func (w *world) call(line, body string, headers ...string) got {
	w.t.Helper()
	g, err := w.try(line, strings.NewReader(body), headers...)
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

func (w *world) try(line string, body io.Reader, headers ...string) (got, error) {
	method, target, _ := strings.Cut(line, " ")
	if s, ok := body.(*strings.Reader); ok && s.Len() == 0 {
		body = nil
	}
	req, err := http.NewRequest(method, w.url+target, body)
	if err != nil {
		return got{}, err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return got{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	g := got{Response: resp, body: string(b)}
	_ = json.Unmarshal(b, &g) // not every answer is JSON
	return g, err
}

// wire sends bytes as they are over a connection of their own, and returns the
// answer's last byte and all before it. The request has to end the connection,
// or method must tell whether the answer has a body.
func (w *world) wire(method, request string) got {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, request) // a refusal may come before the end
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("%.80q: %v", request, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("%.80q: %v", request, err)
	}
	g := got{Response: resp, body: string(b)}
	_ = json.Unmarshal(b, &g) // not every answer is JSON
	return g
}

// waitFor waits until something another goroutine does is done.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); {
		if time.Now().After(end) {
			t.Fatal("it never happened")
		}
		time.Sleep(time.Millisecond)
	}
}

// rawCall sends bytes as they are and returns the status line.
func (w *world) rawCall(request string) string {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, request) // a refusal may come before the end
	answer, _ := io.ReadAll(conn)
	line, _, _ := strings.Cut(string(answer), "\r\n")
	return line
}

// lastRecord is what was noted of the last call.
func (w *world) lastRecord() Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.records) == 0 {
		return Record{}
	}
	return w.records[len(w.records)-1]
}
