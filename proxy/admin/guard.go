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

// guard decides which requests are served: by the key; without a key, by the
// Host; and for requests that change something, by their origin.
type guard struct {
	key    [sha256.Size]byte
	keyed  bool
	sign   atomic.Pointer[[32]byte] // signs the cookies of this process
	wrong  *rate.Limiter            // of wrong keys
	origin *http.CrossOriginProtection
	now    func() time.Time
	log    *slog.Logger
	page   loginPage
}

func newGuard(o Options) *guard {
	g := &guard{
		key: sha256.Sum256([]byte(o.Key.Reveal())), keyed: o.Key != secret.Secret{}, wrong: rate.NewLimiter(1, maxWrongKeys),
		origin: http.NewCrossOriginProtection(), now: o.Now, log: o.Logger, page: newLoginPage(),
	}
	g.endCookies()
	return g
}

// maxWrongKeys is how many wrong keys are answered at once; then one a second.
const maxWrongKeys = 10

// tooManyWrongKeys takes note of a wrong key, and reports whether there were too
// many. The caller then answers 429; Retry-After is set.
func (g *guard) tooManyWrongKeys(w http.ResponseWriter, r *http.Request) bool {
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
		case !g.keyed && !localHost(r.Host):
			writeProblem(w, http.StatusMisdirectedRequest, problem{Message: "no admin key is set: only requests for an IP address or localhost are served"})
		case !readOnly(r.Method) && g.origin.Check(r) != nil:
			writeProblem(w, http.StatusForbidden, problem{Message: "cross-origin request refused"})
		case r.URL.Path == "/login":
			next.ServeHTTP(w, r)
		case !g.authorized(r):
			g.refuse(w, r)
		case !readOnly(r.Method) && formCouldSend(r):
			writeProblem(w, http.StatusForbidden, problem{Message: "set the header X-Requested-With, or Content-Type: application/json"})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// authorized reports whether r has the key, or a cookie that was given for it.
func (g *guard) authorized(r *http.Request) bool {
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

func (g *guard) refuse(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" && g.tooManyWrongKeys(w, r) {
		writeProblem(w, http.StatusTooManyRequests, problem{Message: "too many wrong keys"})
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="wechat-token-proxy"`)
	if r.URL.Path == "/" && readOnly(r.Method) {
		g.page.write(w, http.StatusUnauthorized, "")
		return
	}
	writeProblem(w, http.StatusUnauthorized, problem{Message: "admin key required: Authorization: Bearer …"})
}

func readOnly(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// localHost reports whether host cannot be a domain name that somebody made to
// point at this address (DNS rebinding).
func localHost(host string) bool {
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

// formCouldSend reports whether an HTML form of any page could have sent r.
func formCouldSend(r *http.Request) bool {
	if r.Header.Get("X-Requested-With") != "" {
		return false
	}
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err != nil || t != "application/json"
}
