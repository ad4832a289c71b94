package config

import (
	"net/url"
	"strings"
)

// shownURL returns a URL, or what was meant to be one, as a problem may show
// it: without a password and without a query.
func shownURL(s string) string {
	if !strings.ContainsAny(s, ":@") {
		return s
	}
	scheme, rest, _ := strings.Cut(s, ":")
	if strings.Contains(scheme, "@") {
		return mask
	}
	if rest == "" || scheme == "file" && !strings.Contains(rest, "@") {
		return s
	}
	u, err := url.Parse(s)
	switch at := strings.Count(s, "@"); {
	case err != nil || u.Hostname() == "":
		return scheme + ":" + mask
	case at == 0:
		return u.Scheme + "://" + u.Host + u.EscapedPath()
	case at == 1 && u.User != nil:
		return u.Scheme + "://" + mask + "@" + u.Host + u.EscapedPath()
	default:
		// A password that was not escaped is cut at the wrong places.
		return scheme + ":" + mask
	}
}
