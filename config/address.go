package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// hostForm does not limit the length with {0,251}: regexp compiles that into 252
// copies, which took more memory than all other settings.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

func isHostName(s string) bool { return len(s) <= 253 && hostForm.MatchString(s) }

func (l *loader) listen(name, value string) string {
	if err := checkListen(value); err != nil {
		l.problems.add(name, value, "%v", err)
	}
	return value
}

// checkListen validates an address to listen on. Port 0 lets the system choose
// a port; an empty host means all addresses of the machine.
func checkListen(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New("want host:port, for example 127.0.0.1:8080 or :8080")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return errors.New("port must be a number from 0 to 65535")
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !isHostName(host) {
		return errors.New("host must be an IP address or a host name")
	}
	return nil
}

// isExposed reports whether other machines can reach the address. The only name
// known to be loopback is localhost.
func isExposed(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return !strings.EqualFold(host, "localhost")
	}
	return !ip.Unmap().IsLoopback()
}

// sameAddress reports whether listening on a rules out listening on b.
func sameAddress(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return strings.EqualFold(hostA, hostB) || isWildcard(hostA) || isWildcard(hostB)
}

func isWildcard(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.Unmap().IsUnspecified()
}

func (l *loader) upstreams(name, value string) []string {
	var list []string
	for _, text := range splitList(value) {
		base, err := parseUpstream(text)
		switch {
		case err != nil:
			l.problems.add(name, redactURL(text), "%v", err)
		case slices.Contains(list, base):
			l.problems.add(name, redactURL(text), "listed twice")
		default:
			list = append(list, base)
		}
	}
	if len(splitList(value)) == 0 {
		l.problems.add(name, value, "want at least one base URL")
	}
	return list
}

// parseUpstream reads the base URL of a WeChat host and normalises it: scheme
// and host in lower case, no trailing slash. It may have a path, that of a
// gateway in between, which then prefixes the path of every call.
func parseUpstream(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("want a base URL, for example https://api.weixin.qq.com")
	case u.User != nil:
		return "", errors.New("URL must not contain a user or password")
	case strings.ContainsAny(s, "?#"):
		return "", errors.New("URL must not contain a query or fragment")
	case !isHost(u.Hostname()):
		return "", errors.New("host of the URL is missing or invalid")
	case hasDotSegment(u.Path) || strings.Contains(u.Path, "//"):
		return "", errors.New("path of the URL must not contain //, /./ or /../")
	case !isPort(u):
		return "", errors.New("port of the URL must be a number from 1 to 65535")
	}
	return strings.TrimRight(u.Scheme+"://"+strings.ToLower(u.Host)+u.EscapedPath(), "/"), nil
}

// isHost reports whether s is a host name or an IP address without a zone.
func isHost(s string) bool {
	ip, err := netip.ParseAddr(s)
	return isHostName(s) || err == nil && ip.Zone() == ""
}

// isPort reports whether the port of u is valid or absent.
func isPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// redactURL returns a URL, or what was meant to be one, without its password
// and query, for messages.
func redactURL(s string) string {
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
		// An unescaped password: url.Parse has split it in the wrong place.
		return scheme + ":" + secret.Mask
	}
}
