package config

import (
	"net/url"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// shownURL returns a URL, or what was meant to be one, as a problem may show
// it: without a password and without a query.
func shownURL(s string) string {
	if !strings.ContainsAny(s, ":@") {
		return s
	}
	scheme, rest, _ := strings.Cut(s, ":")
	if strings.Contains(scheme, "@") {
		return secret.Mask
	}
	if rest == "" || scheme == "file" && !strings.Contains(rest, "@") {
		return s
	}
	u, err := url.Parse(s)
	switch at := strings.Count(s, "@"); {
	case err != nil || u.Hostname() == "":
		return scheme + ":" + secret.Mask
	case at == 0:
		return u.Scheme + "://" + u.Host + u.EscapedPath()
	case at == 1 && u.User != nil:
		return u.Scheme + "://" + secret.Mask + "@" + u.Host + u.EscapedPath()
	default:
		// A password that was not escaped is cut at the wrong places.
		return scheme + ":" + secret.Mask
	}
}
