package admin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A browser gets a cookie in exchange for the key. It is signed by this process
// and ends with it, after half a day, or when somebody signs out.
const (
	cookieName = "wechat_token_proxy_admin"
	cookieLife = 12 * time.Hour
)

// login serves POST /login: the form of the login page, with the key.
func (g *guard) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if !g.keyed || g.isKey(r.PostFormValue("key")) {
		end := g.now().Add(cookieLife)
		http.SetCookie(w, g.cookie(r, g.cookieValue(end), int(cookieLife/time.Second)))
		w.Header().Set("Location", "/")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	if g.tooManyWrongKeys(w, r) {
		g.page.write(w, http.StatusTooManyRequests, "Too many wrong keys: wait a second. 错误次数过多，请稍候再试。")
		return
	}
	g.page.write(w, http.StatusUnauthorized, "This is not the key. 密钥不正确。")
}

// logout serves POST /logout. It ends all cookies: to end only one, ended ones
// would have to be remembered.
func (g *guard) logout(w http.ResponseWriter, r *http.Request) {
	g.endCookies()
	http.SetCookie(w, g.cookie(r, "", -1))
	w.WriteHeader(http.StatusNoContent)
}

// endCookies makes a new key to sign cookies with, so that none of before is
// valid.
func (g *guard) endCookies() {
	sign := new([32]byte)
	_, _ = rand.Read(sign[:]) // never fails
	g.sign.Store(sign)
}

func (g *guard) cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	}
}

func (g *guard) cookieValue(end time.Time) string {
	text := strconv.FormatInt(end.Unix(), 10)
	mac := hmac.New(sha256.New, g.sign.Load()[:])
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (g *guard) validCookie(value string) bool {
	text, _, _ := strings.Cut(value, ".")
	end, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !g.now().Before(time.Unix(end, 0)) {
		return false
	}
	return hmac.Equal([]byte(value), []byte(g.cookieValue(time.Unix(end, 0))))
}

// loginPage is what a browser without the key gets. Its style is inside it, and
// allowed by its hash.
type loginPage struct {
	template *template.Template
	policy   string
}

func newLoginPage() loginPage {
	style := pageFile("login.css")
	sum := sha256.Sum256(style)
	return loginPage{
		template: template.Must(template.New("login").Funcs(template.FuncMap{
			"style": func() template.CSS { return template.CSS(style) }, // ours, embedded
		}).Parse(string(pageFile("login.html")))),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; " +
			"form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
	}
}

func (p loginPage) write(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Security-Policy", p.policy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = p.template.Execute(w, message) // fails if the client has gone
}
