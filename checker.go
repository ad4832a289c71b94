package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/source"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// checker makes the checks of one configuration.
type checker struct {
	cfg       *config.Config
	transport http.RoundTripper

	mu    sync.Mutex
	ahead *time.Duration // by how much WeChat's clock is; nil: it did not say
}

const (
	storeCheckTimeout = time.Second // of each step
	hostCheckTimeout  = 10 * time.Second
	clockTolerance    = 30 * time.Second
)

// checkStore opens the store of the settings, and writes, reads, locks and
// deletes a record there. It returns the store even where that failed; nil
// where there is none but memory.
func (c *checker) checkStore(ctx context.Context) (token.Store, []Finding) {
	if c.cfg.Store.Scheme == config.StoreMemory {
		return nil, []Finding{{Name: "store", OK: true, Detail: "memory: a restart asks WeChat anew"}}
	}
	var said notes
	s, err := openStore(ctx, c.cfg, slog.New(&said))
	if err != nil {
		return nil, []Finding{c.storeFailed(err)}
	}
	f := Finding{Name: "store", OK: true, Detail: c.cfg.Store.Describe() + ": written, read, locked and deleted"}
	if err := tryStore(ctx, s); err != nil {
		f = c.storeFailed(fmt.Errorf("%s: %w", c.cfg.Store.Describe(), err))
	}
	found := []Finding{f}
	for _, line := range said.all() {
		found = append(found, Finding{Name: "store", OK: true, Warning: true, Detail: line})
	}
	return s, found
}

func (c *checker) storeFailed(err error) Finding {
	advice := adviceRedis()
	if c.cfg.Store.Scheme == config.StoreFile {
		advice = adviceDirectory()
	}
	return Finding{Name: "store", Detail: err.Error(), Advice: advice}
}

// tryStore does with s what the proxy will do with it, on a record of its own.
func tryStore(ctx context.Context, s token.Store) error {
	name := "check/" + rand.Text()
	rec := token.Record{Gen: 1, Data: []byte("check"), ExpiresAt: time.Now().Add(time.Minute)}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"write", func(ctx context.Context) error { return s.Save(ctx, name, rec) }},
		{"read", func(ctx context.Context) error {
			got, err := s.Load(ctx, name)
			if err == nil && string(got.Data) != string(rec.Data) {
				err = errors.New("what came back is not what was written")
			}
			return err
		}},
		{"lock", func(ctx context.Context) error {
			lock, err := s.TryLock(ctx, name, time.Minute)
			if err != nil {
				return err
			}
			return lock.Unlock(ctx)
		}},
		{"delete", func(ctx context.Context) error { return s.Delete(ctx, name) }},
	} {
		stepCtx, cancel := context.WithTimeout(ctx, storeCheckTimeout)
		err := step.do(stepCtx)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// checkHosts looks whether the hosts of the platforms in use can be reached.
func (c *checker) checkHosts(ctx context.Context) []Finding {
	used := map[errcode.Platform]bool{}
	for _, a := range c.cfg.Accounts {
		used[platformOf(a)] = true
	}
	var hosts []string
	if used[errcode.MP] {
		hosts = append(hosts, c.cfg.Upstreams...)
	}
	if used[errcode.WeCom] {
		hosts = append(hosts, c.cfg.WeComUpstreams...)
	}
	found := make([]Finding, len(hosts))
	each(len(hosts), checkAtOnce, func(i int) { found[i] = c.checkHost(ctx, hosts[i]) })
	return found
}

// checkHost asks a host for nothing, to see whether it can be asked. Any
// answer will do: what it says of tokens, the tokens' checks find out.
func (c *checker) checkHost(ctx context.Context, base string) Finding {
	ctx, cancel := context.WithTimeout(ctx, hostCheckTimeout)
	defer cancel()
	var remote atomic.Value
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { remote.Store(i.Conn.RemoteAddr().String()) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, base+"/", nil)
	if err != nil {
		return Finding{Name: "host", Host: base, Detail: err.Error(), Advice: adviceName()}
	}
	f := Finding{Name: "host", Host: req.URL.Host}
	sent := time.Now()
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		f.Detail, f.Advice = networkTrouble(err, time.Now())
		return f
	}
	_ = resp.Body.Close() // a HEAD's answer has none
	c.noteClock(resp.Header.Get("Date"), sent, time.Now())
	f.OK, f.Detail = true, "it answers"
	if at, _ := remote.Load().(string); at != "" {
		f.Detail += " at " + at
	}
	if proxied(req) {
		f.Detail += ", an HTTP proxy of the environment's"
	}
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		f.Detail += "; its certificate is good until " + day(resp.TLS.PeerCertificates[0].NotAfter)
	}
	return f
}

// proxied reports whether r goes through an HTTP proxy.
func proxied(r *http.Request) bool {
	u, err := http.ProxyFromEnvironment(r)
	return err == nil && u != nil
}

// noteClock compares WeChat's clock with ours, which showed sent and then got.
func (c *checker) noteClock(date string, sent, got time.Time) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return
	}
	c.setClock(theirs.Add(500 * time.Millisecond).Sub(sent.Add(got.Sub(sent) / 2))) // a Date is cut to whole seconds
}

func (c *checker) setClock(ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = &ahead
}

// clock says how WeChat's clock and ours agree; not ok: WeChat did not say.
func (c *checker) clock() (f Finding, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead == nil {
		return Finding{}, false
	}
	ahead, word := c.ahead.Round(time.Second), "behind"
	if ahead < 0 {
		ahead, word = -ahead, "ahead of"
	}
	if ahead <= clockTolerance {
		return Finding{Name: "clock", OK: true, Detail: "it agrees with WeChat's to within 30 s"}, true
	}
	return Finding{
		Name: "clock", OK: true, Warning: true, Advice: adviceClock(),
		Detail: fmt.Sprintf("it is %v %s WeChat's", ahead, word),
	}, true
}

// checkTokens gets each account's token the way the proxy does: from s if one
// lives there, else from WeChat, and then it is kept in s.
func (c *checker) checkTokens(ctx context.Context, s token.Store) []Finding {
	m := token.NewManager(token.Options{Store: s})
	defer m.Close()
	accounts := make([]token.Account, len(c.cfg.Accounts))
	asked := make([]atomic.Bool, len(accounts))
	clients := make([]*source.Client, len(accounts))
	for i, a := range c.cfg.Accounts {
		hosts := c.cfg.Upstreams
		if platformOf(a) == errcode.WeCom {
			hosts = c.cfg.WeComUpstreams
		}
		clients[i] = source.NewClient(source.Options{Upstreams: hosts, Transport: c.transport})
		accounts[i] = (&app{}).credentialsOf(a, &origin{fingerprintOf(a), clients[i]})
		t := accounts[i].Credentials[0] // the token; tickets are left alone
		inner := t.Source
		t.Eager = false // asked for once, below
		t.Source = token.SourceFunc(func(ctx context.Context, r token.FetchRequest) (token.Fetched, error) {
			asked[i].Store(true)
			return inner.Fetch(ctx, r)
		})
		accounts[i].Credentials = []token.Spec{t}
	}
	m.Set(accounts)
	found := make([]Finding, len(accounts))
	each(len(accounts), checkAtOnce, func(i int) {
		a := c.cfg.Accounts[i]
		held, err := m.Keeper(a.Name, token.AccessToken).Get(ctx)
		if err != nil {
			found[i] = tokenTrouble(a, err)
		} else {
			found[i] = c.tokenFound(a, held.Left(time.Now()), asked[i].Load())
		}
		if ahead, ok := clients[i].ClockOffset(); ok {
			c.setClock(ahead)
		}
	})
	return found
}

// tokenFound says what is worth knowing about a token that lives for left.
func (c *checker) tokenFound(a config.Account, left time.Duration, fetched bool) Finding {
	f := Finding{Name: "token", Account: a.Name, OK: true}
	lives := left.Round(time.Minute).String()
	switch {
	case !fetched:
		f.Detail = "the store has one that lives for " + lives + "; WeChat was not asked"
	case a.TokenAPI == config.TokenAPILegacy && c.cfg.Store.Scheme == config.StoreMemory:
		f.Detail = "WeChat gave a new one for " + lives + ", which ends the one that is in use elsewhere within 5 minutes"
		f.Warning, f.Advice = true, adviceLegacy()
	case a.TokenAPI == config.TokenAPILegacy:
		f.Detail = "WeChat gave a new one for " + lives + ", which is in the store now; the one before ends within 5 minutes"
	default:
		f.Detail = "WeChat gave one for " + lives
	}
	return f
}

// tokenTrouble says why there is no token, and what to do.
func tokenTrouble(a config.Account, err error) Finding {
	f := Finding{Name: "token", Account: a.Name}
	var gone *token.Unavailable
	if errors.As(err, &gone) {
		err = gone.Err
	}
	var said *errcode.Error
	if !errors.As(err, &said) {
		_, f.Advice = networkTrouble(err, time.Now())
		f.Detail = err.Error()
		return f
	}
	f.Detail = "WeChat says " + said.Error()
	f.Errcode, f.IP = said.Code, errcode.SeenIP(said.Msg)
	f.Advice = adviceErrcode(said)
	return f
}

// notes is a log handler that keeps what a store warns of, in words.
type notes struct {
	mu    sync.Mutex
	lines []string
}

// maxNotes bounds what is kept: a damaged store may have a lot to say.
const maxNotes = 20

func (n *notes) Enabled(context.Context, slog.Level) bool { return true }
func (n *notes) WithAttrs([]slog.Attr) slog.Handler       { return n }
func (n *notes) WithGroup(string) slog.Handler            { return n }

func (n *notes) Handle(_ context.Context, r slog.Record) error {
	line := ""
	r.Attrs(func(a slog.Attr) bool {
		if line != "" {
			line += ": "
		}
		line += a.Value.String()
		return true
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.lines) < maxNotes {
		n.lines = append(n.lines, line)
	}
	return nil
}

func (n *notes) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.lines...)
}
