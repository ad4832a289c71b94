package emulate

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
)

// PageURL returns the URL that is signed for the page at raw: raw without its
// fragment, otherwise byte for byte, since the WeChat client compares bytes.
// host is the page's, in lower case and without a port. The error, an
// *answer.Refusal with 400, says that raw is no absolute http(s) URL.
func PageURL(raw string) (page, host string, err error) {
	page, _, _ = strings.Cut(raw, "#")
	// Not url.Parse on all of it: a browser's address may hold a lone % that it
	// does not take.
	scheme, rest, found := strings.Cut(page, "://")
	if !found || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", "", malformed("url is no absolute http or https URL")
	}
	if strings.ContainsFunc(page, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", "", malformed("url holds a control character")
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority = rest[:i]
	}
	// What a browser and we might read differently would let one host pass for
	// another.
	if strings.ContainsAny(authority, `@\%`) {
		return "", "", malformed(`url has @, \ or % in its host`)
	}
	u, err := url.Parse("http://" + authority)
	if err != nil || u.Hostname() == "" {
		return "", "", malformed("url has no host that can be read")
	}
	return page, strings.ToLower(u.Hostname()), nil
}

// Page is PageURL for the pages at hosts alone, see [HostAllowed]. The error is
// an *answer.Refusal with 400 or 403.
func Page(raw string, hosts []string) (string, error) {
	page, host, err := PageURL(raw)
	if err != nil {
		return "", err
	}
	if !HostAllowed(hosts, host) {
		return "", &answer.Refusal{
			Status: http.StatusForbidden, Kind: "http_request_denied",
			Message: "the page's host is not on the list of those that are signed for (PROXY_JSSDK_HOSTS)",
		}
	}
	return page, nil
}

// HostAllowed reports whether host is one of hosts: by its name, or below
// "*.example.com" at any depth (example.com itself is not). Ports are ignored,
// letter case too; names are compared as they are written, be it in punycode or
// not. No hosts: any.
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

// withoutPort cuts the port off, and brackets: "[::1]:80" is "::1". A bare IPv6
// address has colons, and no port.
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

// CORS says whether pages of origin may read an answer, and what
// Access-Control-Allow-Origin is then. Only those at hosts may, and where hosts
// is empty none: a signature for any page is one thing, telling it to any page
// another. An answer that depends on it needs "Vary: Origin".
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
