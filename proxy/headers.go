package proxy

import (
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// goesOn reports whether a client's header, by its canonical name, is sent to
// WeChat. All others stay here: a key of ours, cookies, addresses, and the
// Idempotency-Key that would make net/http repeat a POST on its own.
func goesOn(name string) bool {
	switch name {
	case "Accept", "Accept-Language", "Content-Type", "Range", "User-Agent":
		return true
	}
	return strings.HasPrefix(name, "If-") || strings.HasPrefix(name, "Wechatmp-")
}

// filterHeaders leaves in h what goes on. WeChat's answer is to come in plain:
// its first bytes are looked at.
func filterHeaders(h http.Header) {
	for name := range h {
		if !goesOn(name) {
			delete(h, name)
		}
	}
	h["Accept-Encoding"] = identity()
}

func identity() []string { return []string{"identity"} }

// scrub takes secret out of an answer's headers, in whatever spelling: WeChat's
// Location may carry the token it was called with. What cannot be cut out cleanly
// goes with the whole value.
func scrub(h http.Header, secret string) {
	if secret == "" {
		return
	}
	for name, values := range h {
		for i, v := range values {
			if !carries(v, secret) {
				continue
			}
			if name == "Location" || name == "Content-Location" {
				v = withoutToken(v, secret)
			}
			if v = strings.ReplaceAll(v, secret, ""); carries(v, secret) {
				v = ""
			}
			values[i] = v
		}
	}
}

// carries reports whether s holds secret, as it is or behind escapes, also ones
// that are escaped again.
func carries(s, secret string) bool {
	for range 4 {
		if strings.Contains(s, secret) {
			return true
		}
		if !strings.ContainsAny(s, `%\&`) {
			return false
		}
		s = html.UnescapeString(decodeEscapes(s))
	}
	return strings.Contains(s, secret)
}

// decodeEscapes decodes %41, \u0041 and \x41, and leaves what is none of them.
func decodeEscapes(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if c, n := escaped(s[i:]); n > 0 {
			b.WriteByte(c)
			i += n
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

// escaped returns the byte that s begins with in escaped form, and how long that is.
func escaped(s string) (c byte, n int) {
	for _, prefix := range []string{"%", `\u00`, `\x`} {
		digits, found := strings.CutPrefix(s, prefix)
		if !found || len(digits) < 2 {
			continue
		}
		if v, err := strconv.ParseUint(digits[:2], 16, 8); err == nil {
			return byte(v), len(prefix) + 2
		}
	}
	return 0, 0
}

// withoutToken takes the access_token out of a URL, and every other pair that
// holds secret.
func withoutToken(location, secret string) string {
	base, rest, found := strings.Cut(location, "?")
	if !found {
		return location
	}
	raw, fragment, hasFragment := strings.Cut(rest, "#")
	if raw = without(raw, isAccessToken); carries(strings.ReplaceAll(raw, secret, ""), secret) {
		raw = strings.Join(slices.DeleteFunc(strings.Split(raw, "&"), func(pair string) bool { return carries(pair, secret) }), "&")
	}
	if raw != "" {
		base += "?" + raw
	}
	if hasFragment {
		base += "#" + fragment
	}
	return base
}

// isRedirect reports a status whose body only says where to go instead, in a
// document that repeats the Location.
func isRedirect(status int) bool {
	return status >= 300 && status < 400 && status != http.StatusNotModified
}

// dropBody takes the body out of an answer.
func dropBody(r *http.Response) {
	_ = r.Body.Close() // nobody reads it
	r.Body, r.ContentLength = http.NoBody, 0
	for _, name := range []string{"Content-Length", "Content-Type", "Content-Encoding"} {
		r.Header.Del(name)
	}
}

// isAccessToken reports a name that somebody might read as access_token: in any
// letter case, and with white space around it, which some parsers cut off.
func isAccessToken(name string) bool {
	return strings.EqualFold(strings.TrimFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || unicode.IsSpace(r) }), paramAccessToken)
}
