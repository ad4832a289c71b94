package emulate

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
)

// PageURL returns the URL to sign for the page at raw: raw without its fragment,
// otherwise byte for byte, because the WeChat client compares bytes. host is the
// host of the page in lower case and without port. The error is an
// *answer.Refusal with 400 if raw is not an absolute http or https URL.
func PageURL(raw string) (page, host string, err error) {
	page, _, _ = strings.Cut(raw, "#")
	// Not url.Parse for the whole URL: it rejects a single %, which the address of
	// a page may contain.
	scheme, rest, found := strings.Cut(page, "://")
	if !found || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", "", malformed("url must be an absolute http or https URL")
	}
	if strings.ContainsFunc(page, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", "", malformed("url contains a control character")
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority = rest[:i]
	}
	// A browser might read these differently, and then take one host for another.
	if strings.ContainsAny(authority, `@\%`) {
		return "", "", malformed(`the host of url must not contain @, \ or %`)
	}
	u, err := url.Parse("http://" + authority)
	if err != nil || u.Hostname() == "" {
		return "", "", malformed("url has no valid host")
	}
	return page, strings.ToLower(u.Hostname()), nil
}

// Page is like [PageURL], but only for pages at hosts, see [HostAllowed]. The
// error is an *answer.Refusal with 400, or with 403 for another host.
func Page(raw string, hosts []string) (string, error) {
	page, host, err := PageURL(raw)
	if err != nil {
		return "", err
	}
	if !HostAllowed(hosts, host) {
		return "", &answer.Refusal{
			Status: http.StatusForbidden, Kind: "http_request_denied",
			Message: "the host of the page is not listed in PROXY_JSSDK_HOSTS",
		}
	}
	return page, nil
}

// HostAllowed reports whether host matches one of hosts: the same name, or a
// subdomain of any depth for "*.example.com", which does not match example.com
// itself. It ignores ports and case, and does not convert between punycode and
// Unicode. If hosts is empty, every host is allowed.
func HostAllowed(hosts []string, host string) bool {
	return len(hosts) == 0 || listed(hosts, host)
}

func listed(hosts []string, host string) bool {
	host = strings.ToLower(withoutPort(host))
	for _, h := range hosts {
		h = strings.ToLower(withoutPort(h))
		if below, ok := strings.CutPrefix(h, "*."); ok {
			if name, ok := strings.CutSuffix(host, "."+below); ok && name != "" && below != "" {
				return true
			}
		} else if h == host && h != "" {
			return true
		}
	}
	return false
}

// withoutPort removes the port and the brackets: "[::1]:80" becomes "::1". A
// bare IPv6 address has several colons and no port.
func withoutPort(host string) string {
	if v6, ok := strings.CutPrefix(host, "["); ok {
		v6, _, _ = strings.Cut(v6, "]")
		return v6
	}
	if strings.Count(host, ":") == 1 {
		host, _, _ = strings.Cut(host, ":")
	}
	return host
}

// CORS reports whether pages of origin may read an answer, and returns the value
// for Access-Control-Allow-Origin. Only pages at hosts may; if hosts is empty,
// none, although every page is signed for then: any site could read the answers
// otherwise. An answer that depends on the result needs "Vary: Origin".
func CORS(origin string, hosts []string) (allow string, ok bool) {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || origin != u.Scheme+"://"+u.Host {
		return "", false
	}
	if !listed(hosts, u.Host) {
		return "", false
	}
	return origin, true
}
