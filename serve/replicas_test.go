package serve

import (
	"encoding/base64"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store/redistest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// replicas are several proxies for the same account, with one Redis.
type replicas struct {
	t      testing.TB
	wechat *wechattest.Server
	redis  *redistest.Server
	all    []*here
	client *http.Client
}

func newReplicas(t testing.TB, n int, redis *redistest.Server, wechat *wechattest.Server, api string, more ...string) *replicas {
	t.Helper()
	r := &replicas{t: t, redis: redis, wechat: wechat, client: servetest.NewClient(t, nil)}
	for range n {
		r.all = append(r.all, serveHere(t, servetest.Shop(r.wechat, append([]string{
			"WECHAT_TOKEN_API=" + api, "PROXY_TOKEN_STORE=" + redis.URL, "PROXY_LOG_LEVEL=warn",
		}, more...)...)...))
	}
	for _, h := range r.all {
		if _, err := h.manager.Keeper("default", token.AccessToken).Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// noOverlap has each legacy token die the moment its successor is given out.
func noOverlap(o *wechattest.Options) { o.NoOverlap = true }

// stampede makes calls at once, spread over all replicas, and returns how many
// failed.
func (r *replicas) stampede(calls int) (failed int) {
	r.t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	begin := make(chan struct{})
	for i := range calls {
		url := r.all[i%len(r.all)].url
		all.Go(func() {
			<-begin
			a, err := servetest.Call(r.client, "POST "+url+"/cgi-bin/message/custom/send", `{"touser":"x","msgtype":"text","text":{"content":"x"}}`)
			if err != nil || a.StatusCode != 200 || a.Code != 0 {
				mu.Lock()
				defer mu.Unlock()
				if failed++; failed < 3 {
					r.t.Logf("a call fails: %v %s", err, a.Text)
				}
			}
		})
	}
	close(begin)
	all.Wait()
	return failed
}

// die kills the token and makes calls at once. It returns how many failed, and
// how many fetches it took.
func (r *replicas) die(calls int) (failed, fetches int) {
	r.t.Helper()
	before := r.wechat.Count("token")
	r.wechat.Invalidate(servetest.ShopID)
	failed = r.stampede(calls)
	return failed, r.wechat.Count("token") - before
}

// settle makes some calls until all replicas hold the same token: tokens live
// longer than it takes them to learn of it. It returns how many calls failed, and
// how many fetches were made.
func (r *replicas) settle() (failed, fetches int) {
	r.t.Helper()
	began := r.wechat.Count("token")
	servetest.Eventually(r.t, "all replicas hold the same token", func() bool {
		before := r.wechat.Count("token")
		failed += r.stampede(2 * len(r.all))
		for _, h := range r.all {
			if r.value(h) != r.value(r.all[0]) {
				return false
			}
		}
		return r.wechat.Count("token") == before
	})
	return failed, r.wechat.Count("token") - began
}

func (r *replicas) value(h *here) string {
	r.t.Helper()
	c, err := h.manager.Keeper("default", token.AccessToken).Get(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return c.Value.Reveal()
}

// Four replicas, and a token that dies twenty times, of which each fetch kills
// the one before: one fetch for each death. Whoever watches Redis sees neither
// the secret nor, where there is a key, a token.
func TestFourReplicasActAsOne(t *testing.T) {
	const deaths = 20
	calls := 400
	if testing.Short() {
		calls = 80
	}
	redis := redistest.Start(t)
	seen := monitor(t, redis)
	r := newReplicas(t, 4, redis, newWechat(t, noOverlap), "legacy", "PROXY_STORE_KEY="+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	if n := r.wechat.Count("token"); n != 1 {
		t.Errorf("four replicas began with %d token fetches, want 1", n)
	}
	for range deaths {
		if failed, fetches := r.die(calls); failed > 0 || fetches != 1 {
			t.Errorf("a death took %d fetches, want 1, and %d of %d calls", fetches, failed, calls)
		}
	}
	text := seen()
	if n := strings.Count(text, "\n"); n < deaths {
		t.Errorf("only %d commands were seen", n)
	}
	if strings.Contains(text, servetest.ShopSecret) {
		t.Error("Redis saw the secret")
	}
	for _, token := range r.wechat.Issued() {
		if strings.Contains(text, token) {
			t.Error("Redis saw a token in clear")
		}
	}
}

// monitor notes every command that Redis gets, until what it returns is called.
func monitor(t *testing.T, redis *redistest.Server) (seen func() string) {
	t.Helper()
	conn, err := net.Dial("tcp", redis.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	text := servetest.NewOutput()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(text, conn) // until it is closed
	}()
	t.Cleanup(func() { _ = conn.Close(); <-ended })
	return func() string {
		t.Helper()
		redis.Command(t, "PING", "the end")
		if !text.Await(ended, func(text string) bool { return strings.Contains(text, "the end") }) {
			t.Fatal("MONITOR fell silent")
		}
		return text.String()
	}
}

// outage pauses Redis, or kills it so that it forgets everything, and has it back
// after a moment. It returns when Redis is gone; ended waits until it is back.
func outage(redis *redistest.Server) (ended func()) {
	kill := rand.N(2) == 0
	if kill {
		redis.Kill()
	} else {
		redis.Stop()
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		time.Sleep(rand.N(300 * time.Millisecond))
		if kill {
			redis.Restart()
		} else {
			redis.Cont()
		}
	}()
	return func() { <-back }
}

// Redis is paused, killed and emptied whenever a token dies. No call fails. The
// fetches are bounded by one for each replica and death: a replica that cannot
// see what another has brought asks WeChat, once. When Redis is well again there
// is one for each death. Legacy tokens die fewer than twenty deaths, for the bucket of
// twenty renewals must not run dry.
func TestRedisInTrouble(t *testing.T) {
	for _, c := range []struct {
		api    string
		deaths int
		apart  time.Duration
	}{
		{"legacy", 12, 0},
		{"stable", 2, 2200 * time.Millisecond}, // once WeChat has said that it believes in a token, that is its word for two seconds
	} {
		t.Run(c.api, func(t *testing.T) {
			const calls, count = 200, 4
			r := newReplicas(t, count, redistest.Start(t), newWechat(t, noOverlap), c.api)
			total := 0
			for range c.deaths {
				time.Sleep(c.apart)
				ended := outage(r.redis)
				failed, fetches := r.die(calls)
				ended()
				late, more := r.settle()
				if failed += late; failed > 0 {
					t.Errorf("a death cost %d calls", failed)
				}
				total += fetches + more
			}
			if most := c.deaths * count; total > most {
				t.Errorf("%d fetches for %d deaths, want %d at most", total, c.deaths, most)
			}
			t.Logf("%d deaths took %d fetches", c.deaths, total)
			for range 2 {
				time.Sleep(c.apart)
				if failed, fetches := r.die(calls); failed > 0 || fetches != 1 {
					t.Errorf("with Redis well again a death took %d fetches, want 1, and %d calls", fetches, failed)
				}
			}
		})
	}
}

// What one replica renews the others know without asking.
func TestARenewalReachesAllReplicas(t *testing.T) {
	const renewals = 20
	r := newReplicas(t, 4, redistest.Start(t), newWechat(t, noOverlap), "legacy")
	took := make([]time.Duration, renewals)
	for i := range took {
		took[i] = r.renew(i)
	}
	if n := r.wechat.Count("token"); n != 1+renewals {
		t.Errorf("%d token fetches for %d renewals", n-1, renewals)
	}
	slices.Sort(took)
	t.Logf("known to all after %v (median), %v (most)", took[renewals/2], took[renewals-1])
}

// renew renews the token at the i-th replica and returns how long it took until
// all others had it.
func (r *replicas) renew(i int) time.Duration {
	r.t.Helper()
	c, err := r.all[i%len(r.all)].manager.Keeper("default", token.AccessToken).Renew(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	began := time.Now()
	for _, h := range r.all {
		for r.value(h) != c.Value.Reveal() {
			if time.Since(began) > patience {
				r.t.Fatal("the others never learn of it")
			}
			time.Sleep(100 * time.Microsecond)
		}
	}
	return time.Since(began)
}

func BenchmarkARenewalReachesAllReplicas(b *testing.B) {
	r := newReplicas(b, 4, redistest.Start(b), newWechat(b, noOverlap), "legacy")
	total := time.Duration(0)
	for i := 0; b.Loop(); i++ {
		total += r.renew(i)
	}
	b.ReportMetric(float64(total.Milliseconds())/float64(b.N), "ms/spread")
}
