package config

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// parseUpstream reads the base URL of one of WeChat's hosts and normalises it:
// scheme and host in lower case, no slash at the end. A path may be there (a
// gateway in between), for it is what calls are put behind.
func parseUpstream(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("not a base URL such as https://api.weixin.qq.com")
	case u.User != nil:
		return "", errors.New("a base URL has no user or password")
	case strings.ContainsAny(s, "?#"):
		return "", errors.New("a base URL has no query and no fragment")
	case !isHost(u.Hostname()):
		return "", errors.New("the URL's host is missing or no host name")
	case hasDotSegment(u.Path) || strings.Contains(u.Path, "//"):
		return "", errors.New("the URL's path has //, /./ or /../ in it")
	case !isPort(u):
		return "", errors.New("the URL's port is not a number from 1 to 65535")
	}
	return strings.TrimRight(u.Scheme+"://"+strings.ToLower(u.Host)+u.EscapedPath(), "/"), nil
}

// isHost reports whether s is a host name or an IP address without a zone.
func isHost(s string) bool {
	ip, err := netip.ParseAddr(s)
	return hostForm.MatchString(s) || err == nil && ip.Zone() == ""
}

func isPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

func (l *loader) upstreams(name, value string) []string {
	var list []string
	for _, text := range splitList(value) {
		base, err := parseUpstream(text)
		switch {
		case err != nil:
			l.problems.add(name, shownURL(text), "%v", err)
		case slices.Contains(list, base):
			l.problems.add(name, shownURL(text), "named twice")
		default:
			list = append(list, base)
		}
	}
	if len(splitList(value)) == 0 {
		l.problems.add(name, value, "names no base URL")
	}
	return list
}
