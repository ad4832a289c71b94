package proxy

import (
	"net/http"
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

// scrub takes secret out of an answer's headers: WeChat's Location may carry
// the token it was called with.
func scrub(h http.Header, secret string) {
	if secret == "" {
		return
	}
	for name, values := range h {
		for i, v := range values {
			if !strings.Contains(v, secret) {
				continue
			}
			if name == "Location" || name == "Content-Location" {
				v = withoutToken(v)
			}
			values[i] = strings.ReplaceAll(v, secret, "")
		}
	}
}

// withoutToken takes the access_token out of a URL, whatever else it holds.
func withoutToken(location string) string {
	base, rest, found := strings.Cut(location, "?")
	if !found {
		return location
	}
	raw, fragment, hasFragment := strings.Cut(rest, "#")
	if raw = without(raw, isAccessToken); raw != "" {
		base += "?" + raw
	}
	if hasFragment {
		base += "#" + fragment
	}
	return base
}

// isAccessToken reports a name that somebody might read as access_token: in any
// letter case, and with white space around it, which some parsers cut off.
func isAccessToken(name string) bool {
	return strings.EqualFold(strings.TrimFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || unicode.IsSpace(r) }), paramAccessToken)
}
