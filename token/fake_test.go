package token

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// wechat is WeChat as a Source: the rules of its token endpoints for one account, in
// memory, so that a test may run in a synctest bubble.
type wechat struct {
	mu      sync.Mutex
	legacy  bool
	n       int
	current string
	end     time.Time
	good    map[string]time.Time // :: value → when it dies
	asked   int
	forced  int
	delay   time.Duration
	err     error
	life    time.Duration
	overlap time.Duration
}

func newWechat(legacy bool) *wechat {
	return &wechat{legacy: legacy, good: map[string]time.Time{}, life: 2 * time.Hour, overlap: 5 * time.Minute}
}

func (w *wechat) Fetch(ctx context.Context, r FetchRequest) (Fetched, error) {
	w.mu.Lock()
	delay := w.delay
	w.mu.Unlock()
	if delay > 0 && !sleep(ctx, delay) {
		return Fetched{}, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Force {
		w.forced++
	} else {
		w.asked++
	}
	if w.err != nil {
		return Fetched{}, w.err
	}
	now := time.Now()
	if w.legacy || r.Force || !now.Before(w.end.Add(-5*time.Minute)) || w.good[w.current].IsZero() {
		if d, ok := w.good[w.current]; ok && d.After(now.Add(w.overlap)) {
			w.good[w.current] = now.Add(w.overlap)
		}
		w.n++
		w.current, w.end = fmt.Sprintf("token-%d", w.n), now.Add(w.life)
		w.good[w.current] = w.end
	}
	return Fetched{Value: secret.New(w.current), ExpiresIn: w.end.Sub(now)}, nil
}

// kill ends the current token unannounced.
func (w *wechat) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.good, w.current)
}

// accepts reports whether WeChat accepts value now.
func (w *wechat) accepts(value string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	end, ok := w.good[value]
	return ok && time.Now().Before(end)
}

func (w *wechat) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

func (w *wechat) counts() (asked, forced int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked, w.forced
}

var errUnreachable = errors.New("connection refused")

func no(code int) error {
	return fmt.Errorf("fetch: %w", &errcode.Error{Platform: errcode.MP, Endpoint: errcode.Token, Code: code, Msg: "no"})
}

// log collects events.
type log struct {
	mu     sync.Mutex
	events []Event
}

func (l *log) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *log) count(t EventType) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Type == t {
			n++
		}
	}
	return n
}

func schedule(legacy bool) Schedule {
	if legacy {
		return LegacySchedule()
	}
	return StableSchedule()
}

func accountOf(w *wechat, fingerprint string) Account {
	return Account{Name: "shop", ID: "wx1", Credentials: []Spec{
		{Kind: AccessToken, Source: w, Schedule: schedule(w.legacy), Eager: true, Fingerprint: fingerprint},
	}}
}

// start returns the keeper of one account in front of w.
func start(t *testing.T, w *wechat, o Options) *Keeper {
	t.Helper()
	m := NewManager(o)
	t.Cleanup(m.Close)
	m.Set([]Account{accountOf(w, "1")})
	return m.Keeper("shop", AccessToken)
}

// call is one client's call to an API that takes w's tokens and answers after
// a moment: how often WeChat was asked, and whether it went well.
func call(ctx context.Context, k *Keeper, accepts func(string) bool) (sent int, ok bool) {
	u, err := k.Use(ctx)
	if err != nil {
		return 0, false
	}
	for {
		u.Sending()
		sent++
		good := accepts(u.Value().Reveal())
		time.Sleep(30 * time.Millisecond)
		if good {
			u.Accepted()
			return sent, true
		}
		if !u.Rejected(ctx, 40001) {
			return sent, false
		}
	}
}
