package proxy

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"unicode"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
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

// headerFor returns the header with which a client's call goes to WeChat: what may
// go on of the client's, and the wish for an uncompressed answer, in which an
// errcode can be found.
func headerFor(client http.Header) http.Header {
	out := make(http.Header, 8) // the client's values are read only, so they are shared
	listed := connectionOptions(client)
	for name, values := range client {
		if forwardHeader(name) && !isListed(listed, name) {
			out[name] = values
		}
	}
	out["Accept-Encoding"] = []string{"identity"}
	return out
}

// moveHeader puts the header of WeChat's answer into the client's. What belongs to
// the connection to WeChat stays behind. httputil.ReverseProxy would do the same,
// value by value, and more slowly.
func moveHeader(to, from http.Header) {
	listed := connectionOptions(from)
	for name, values := range from {
		if !isHopByHop(name) && !isListed(listed, name) {
			to[name] = values
		}
	}
}

// isHopByHop reports a header field that is meant for one connection only: those
// that RFC 9110, section 7.6.1, names, and older ones.
func isHopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// connectionOptions returns the values of the field that lists further ones of the
// kind. nil: it lists none, as nearly always.
func connectionOptions(h http.Header) []string {
	values := h["Connection"]
	if len(values) == 1 && (values[0] == "keep-alive" || values[0] == "close") {
		return nil
	}
	return values
}

func isListed(options []string, name string) bool {
	for _, list := range options {
		for one := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(textproto.TrimString(one), name) {
				return true
			}
		}
	}
	return false
}

// scrub removes value from an answer's headers, however it is encoded: WeChat's
// Location may contain the token that was sent. A value that contains it in a
// form that cannot be cut out is removed as a whole.
func scrub(h http.Header, value string) {
	if value == "" {
		return
	}
	for name, values := range h {
		for i, v := range values {
			if !secret.In(v, value) {
				continue
			}
			if name == "Location" || name == "Content-Location" {
				v = scrubURL(v, value)
			}
			if v = strings.ReplaceAll(v, value, ""); secret.In(v, value) {
				v = ""
			}
			values[i] = v
		}
	}
}

// scrubURL removes the access_token from a URL, and every other parameter that
// contains value in a form that cannot be cut out.
func scrubURL(location, value string) string {
	base, rest, found := strings.Cut(location, "?")
	if !found {
		return location
	}
	raw, fragment, hasFragment := strings.Cut(rest, "#")
	if raw = removeParams(raw, isAccessToken); secret.In(strings.ReplaceAll(raw, value, ""), value) {
		raw = strings.Join(slices.DeleteFunc(strings.Split(raw, "&"), func(param string) bool { return secret.In(param, value) }), "&")
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

// isCloudbaseToken reports the parameter that Tencent's cloud adds by itself.
func isCloudbaseToken(name string) bool { return strings.EqualFold(name, "cloudbase_access_token") }
