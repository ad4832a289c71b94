package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// guard decides who may see and do something: by the key; by the host that was
// asked for, where there is no key; and, for what changes something, by where
// the request comes from.
type guard struct {
	key    [sha256.Size]byte
	keyed  bool
	sign   atomic.Pointer[[32]byte] // signs the cookies of this process
	wrong  *rate.Limiter            // only wrong keys use it up
	origin *http.CrossOriginProtection
	now    func() time.Time
	log    *slog.Logger
	page   loginPage
}

func newGuard(o Options) *guard {
	g := &guard{
		key: sha256.Sum256([]byte(o.Key.Reveal())), keyed: o.Key != secret.Secret{}, wrong: rate.NewLimiter(1, mostWrong),
		origin: http.NewCrossOriginProtection(), now: o.Now, log: o.Logger, page: newLoginPage(),
	}
	g.endCookies()
	return g
}

// mostWrong is how many wrong keys in a row are listened to; then one a second.
const mostWrong = 10

// throttled takes note of a wrong key, and answers whoever tries too many.
func (g *guard) throttled(w http.ResponseWriter, r *http.Request) bool {
	if g.wrong.AllowN(g.now(), 1) {
		g.log.Warn("wrong admin key", "remote", r.RemoteAddr)
		return false
	}
	w.Header().Set("Retry-After", "1")
	return true
}

func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !g.keyed && !localName(r.Host):
			writeProblem(w, http.StatusMisdirectedRequest, problem{Message: "without an admin key this answers to an IP address or localhost only"})
		case !safe(r.Method) && g.origin.Check(r) != nil:
			writeProblem(w, http.StatusForbidden, problem{Message: "this came from a page of another origin"})
		case r.URL.Path == "/login":
			next.ServeHTTP(w, r)
		case !g.admits(r):
			g.turnAway(w, r)
		case !safe(r.Method) && !deliberate(r):
			writeProblem(w, http.StatusForbidden, problem{Message: "this wants the header X-Requested-With, or Content-Type: application/json"})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// admits reports whether r carries the key, or the cookie that stands for it.
func (g *guard) admits(r *http.Request) bool {
	if !g.keyed {
		return true
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return g.isKey(strings.TrimSpace(key))
	}
	if _, password, ok := r.BasicAuth(); ok {
		return g.isKey(password)
	}
	c, err := r.Cookie(cookieName)
	return err == nil && g.validCookie(c.Value)
}

// isKey compares in constant time, whatever the lengths.
func (g *guard) isKey(key string) bool {
	sum := sha256.Sum256([]byte(key))
	return subtle.ConstantTimeCompare(sum[:], g.key[:]) == 1
}

func (g *guard) turnAway(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" && g.throttled(w, r) {
		writeProblem(w, http.StatusTooManyRequests, problem{Message: "too many wrong keys"})
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="wechat-token-proxy"`)
	if r.URL.Path == "/" && safe(r.Method) {
		g.page.write(w, http.StatusUnauthorized, "")
		return
	}
	writeProblem(w, http.StatusUnauthorized, problem{Message: "this wants the admin key: Authorization: Bearer …"})
}

func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// localName reports whether host cannot be a name that some web page made to
// point here.
func localName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// deliberate reports whether r is more than a form of some page could send.
func deliberate(r *http.Request) bool {
	if r.Header.Get("X-Requested-With") != "" {
		return true
	}
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && t == "application/json"
}
