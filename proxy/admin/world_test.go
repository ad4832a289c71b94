package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// world is what an Admin asks about, set by a test.
type world struct {
	mu       sync.Mutex
	now      time.Time
	accounts []Account
	statuses map[string][]token.Status
	clients  []Client
	hosts    []Host
	store    Store
	inFlight int
	draining bool
	renewed  []string
	renewErr error

	renewTakes time.Duration
	key        secret.Secret
}

// noon is when tests take place.
var noon = time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)

func newWorld() *world {
	return &world{now: noon, statuses: map[string][]token.Status{}, store: Store{Name: "memory", Up: true}}
}

// with adds an account whose token has the given state.
func (w *world) with(name string, change ...func(*token.Status)) *world {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.statuses[name]; !known {
		w.accounts = append(w.accounts, Account{Name: name, ID: "wx-" + name, Kind: "official", Platform: errcode.MP, TokenAPI: "stable"})
	}
	s := fresh(name, w.now)
	for _, f := range change {
		f(&s)
	}
	w.statuses[name] = []token.Status{s}
	return w
}

func fresh(name string, now time.Time) token.Status {
	return token.Status{
		Key: token.Key{Account: name, Kind: token.AccessToken}, State: token.Fresh, FetchedAt: now.Add(-time.Hour),
		FirstSeenAt: now.Add(-time.Hour), ExpiresAt: now.Add(time.Hour), RenewAt: now.Add(55 * time.Minute), ForcedLeft: 20, Renewals: 3,
	}
}

func expired(s *token.Status) { s.State, s.ExpiresAt = token.Expired, s.FetchedAt }

func empty(s *token.Status) { *s = token.Status{Key: s.Key, State: token.Empty, ForcedLeft: 20} }

// rejectedForGoodStatus is a token that WeChat rejects while it gives out no
// other: the secret was reset.
func rejectedForGoodStatus(s *token.Status) {
	s.Rejected, s.LastRejectedAt, s.LastRejectedErrcode = true, noon.Add(-time.Minute), 40001
	s.LastErr, s.LastErrAt = &errcode.Error{Platform: errcode.MP, Endpoint: errcode.Token, Code: 40125, Msg: "invalid appsecret"}, noon.Add(-time.Minute)
}

// ipNotAllowed is WeChat's answer to an address that is not on the allow-list.
func ipNotAllowed() error {
	return fmt.Errorf("fetch: %w", &errcode.Error{
		Platform: errcode.MP, Endpoint: errcode.Token, Code: 40164,
		Msg: "invalid ip 101.226.140.197 ipv6 ::ffff:101.226.140.197, not in whitelist", RID: "617682e0-21ea79ab-3a4424cd",
	})
}

func failing(err error) func(*token.Status) {
	return func(s *token.Status) {
		s.LastErr, s.LastErrAt, s.NextTryAt = err, noon.Add(-time.Minute), noon.Add(time.Minute)
	}
}

func (w *world) options() Options {
	locked := func(f func()) { w.mu.Lock(); defer w.mu.Unlock(); f() }
	return Options{
		Accounts: func() (out []Account) { locked(func() { out = append(out, w.accounts...) }); return out },
		Statuses: func(name string) (out []token.Status) {
			locked(func() { out = append(out, w.statuses[name]...) })
			return out
		},
		Clients:  func() (out []Client) { locked(func() { out = append(out, w.clients...) }); return out },
		Hosts:    func() (out []Host) { locked(func() { out = append(out, w.hosts...) }); return out },
		Store:    func() (out Store) { locked(func() { out = w.store }); return out },
		InFlight: func() (out int) { locked(func() { out = w.inFlight }); return out },
		Draining: func() (out bool) { locked(func() { out = w.draining }); return out },
		Now:      func() (out time.Time) { locked(func() { out = w.now }); return out },
		Renew: func(_ context.Context, account string, kind token.Kind) (err error) {
			var takes time.Duration
			locked(func() { takes = w.renewTakes })
			time.Sleep(takes)
			locked(func() { w.renewed, err = append(w.renewed, account+"/"+string(kind)), w.renewErr })
			return err
		},
		Explain: func(_ context.Context, account, rid string) ([]byte, error) {
			return []byte(`{"errcode":0,"request":{"rid":"` + rid + `","account":"` + account + `"}}`), nil
		},
		Key: w.key, Version: "v1.2.3", Revision: "abc1234", GoVersion: "go1.26.8", Started: w.now.Add(-3 * time.Hour),
	}
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// ask sends one request, as curl on the same machine would.
func ask(t testing.TB, a http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:8081"
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

func parse[T any](t testing.TB, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return v
}

// lived returns an Admin that was told one of everything.
func lived() (*Admin, *world) {
	w := newWorld().with("shop").with("game", expired, failing(ipNotAllowed()))
	w.clients = []Client{{Name: "billing", Accounts: []string{"shop"}, Rules: 2, Rate: 50}}
	w.hosts = []Host{
		{Platform: errcode.MP, Host: "api.weixin.qq.com", State: "closed", Since: noon, Busy: 2, Idle: 3, Wanted: 4, Ahead: 5},
		{Platform: errcode.MP, Host: "api2.weixin.qq.com", State: "open", Since: noon},
	}
	o := w.options()
	o.Quotas = func() []Quota { return []Quota{{"shop", "/cgi-bin/user/info", 5000000, 12, 4999988}} }
	a := New(o)
	key := token.Key{Account: "shop", Kind: token.AccessToken}
	a.Call(stats.Call{
		At: noon.Add(-time.Minute), Client: "billing", Account: "shop", Platform: errcode.MP, Method: "POST", Class: "message", Path: "/cgi-bin/message/template/send",
		Status: 200, Errcode: 43004, RID: "617682e0-21ea79ab-3a4424cd", Host: "api.weixin.qq.com", Took: 52 * time.Millisecond, Upstream: 50 * time.Millisecond,
		Wait: time.Millisecond, Attempts: 2, Renewed: true, BytesIn: 10, BytesOut: 20, ID: "req-1",
	})
	a.Token(token.Event{Type: token.EventRenewal, Key: key, At: noon, Cause: token.CauseSchedule, Result: token.ResultRenewed, Took: 80 * time.Millisecond, Left: 2 * time.Hour})
	a.Token(token.Event{Type: token.EventRejection, Key: key, At: noon, Errcode: 40001, Step: "asked"})
	a.Token(token.Event{Type: token.EventStore, At: noon, Step: "down", Err: errors.New("dial: refused")})
	a.Breaker("api2.weixin.qq.com", "closed", "open")
	a.Reload("2 accounts, 1 client", nil)
	return a, w
}
