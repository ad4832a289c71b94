package proxy

import (
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// forwardHeader reports whether a client's header, by its canonical name, is sent to
// WeChat. No other is: not keys, cookies and addresses, and not Idempotency-Key,
// with which net/http would repeat a POST by itself.
func forwardHeader(name string) bool {
	switch name {
	case "Accept", "Accept-Language", "Content-Type", "Range", "User-Agent":
		return true
	}
	return strings.HasPrefix(name, "If-") || strings.HasPrefix(name, "Wechatmp-")
}

// filterHeaders removes from h what WeChat must not get. It asks for an
// uncompressed answer, in which an errcode can be found.
func filterHeaders(h http.Header) {
	for name := range h {
		if !forwardHeader(name) {
			delete(h, name)
		}
	}
	h["Accept-Encoding"] = identity()
}

func identity() []string { return []string{"identity"} }

// scrub removes secret from an answer's headers, however it is encoded: WeChat's
// Location may contain the token that was sent. A value that contains it in a
// form that cannot be cut out is removed as a whole.
func scrub(h http.Header, secret string) {
	if secret == "" {
		return
	}
	for name, values := range h {
		for i, v := range values {
			if !containsEncoded(v, secret) {
				continue
			}
			if name == "Location" || name == "Content-Location" {
				v = scrubURL(v, secret)
			}
			if v = strings.ReplaceAll(v, secret, ""); containsEncoded(v, secret) {
				v = ""
			}
			values[i] = v
		}
	}
}

// containsEncoded reports whether s contains secret, as it is or with escapes,
// which may be escaped again.
func containsEncoded(s, secret string) bool {
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

// decodeEscapes decodes %41, \u0041 and \x41.
func decodeEscapes(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if c, n := decodeEscape(s[i:]); n > 0 {
			b.WriteByte(c)
			i += n
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

// decodeEscape decodes the escape that s begins with. n is its length, 0 if there
// is none.
func decodeEscape(s string) (c byte, n int) {
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

// scrubURL removes the access_token from a URL, and every other parameter that
// contains secret in a form that cannot be cut out.
func scrubURL(location, secret string) string {
	base, rest, found := strings.Cut(location, "?")
	if !found {
		return location
	}
	raw, fragment, hasFragment := strings.Cut(rest, "#")
	if raw = removeParams(raw, isAccessToken); containsEncoded(strings.ReplaceAll(raw, secret, ""), secret) {
		raw = strings.Join(slices.DeleteFunc(strings.Split(raw, "&"), func(param string) bool { return containsEncoded(param, secret) }), "&")
	}
	if raw != "" {
		base += "?" + raw
	}
	if hasFragment {
		base += "#" + fragment
	}
	return base
}

// isRedirect reports a redirect, whose body may repeat the Location.
func isRedirect(status int) bool {
	return status >= 300 && status < 400 && status != http.StatusNotModified
}

// dropBody removes the body of an answer.
func dropBody(r *http.Response) {
	_ = r.Body.Close() // an error does not matter
	r.Body, r.ContentLength = http.NoBody, 0
	for _, name := range []string{"Content-Length", "Content-Type", "Content-Encoding"} {
		r.Header.Del(name)
	}
}

// isAccessToken reports whether some parser might read name as access_token: in
// any letter case, and with white space around it.
func isAccessToken(name string) bool {
	return strings.EqualFold(strings.TrimFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || unicode.IsSpace(r) }), paramAccessToken)
}
