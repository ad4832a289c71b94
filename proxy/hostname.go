package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/emulate"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// WeChat's host names. A program that reaches the proxy under one of them, by DNS,
// /etc/hosts or as its HTTP proxy, runs unchanged.
const (
	hostMP    = "api.weixin.qq.com"
	hostWeCom = "qyapi.weixin.qq.com"
)

// platformOfHost returns the platform whose host name the client used, or "" for
// any other name. It refuses to be a proxy to other hosts.
func (p *Proxy) platformOfHost(r *http.Request) (errcode.Platform, *answer.Refusal) {
	absolute := r.URL.Host != "" // the request target is a URL, and r.Host its host
	host, port := splitPort(r.Host)
	if absolute && r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return "", misdirected("only http and https URLs are served")
	}
	switch strings.ToLower(strings.TrimSuffix(host, ".")) {
	case hostMP:
		return errcode.MP, wrongPort(absolute, port, r)
	case hostWeCom:
		return errcode.WeCom, wrongPort(absolute, port, r)
	}
	if absolute && !p.ownAddress(r, host, port) {
		return "", misdirected("only " + hostMP + " and " + hostWeCom + " are served")
	}
	return "", nil
}

func misdirected(message string) *answer.Refusal {
	return &answer.Refusal{Status: http.StatusMisdirectedRequest, Kind: "destination_ip_prohibited", Message: "not an open proxy: " + message}
}

// wrongPort refuses to be a proxy to another port of WeChat.
func wrongPort(absolute bool, port string, r *http.Request) *answer.Refusal {
	if !absolute || port == "" || port == "80" || port == "443" || port == localPort(r) {
		return nil
	}
	return misdirected("port " + port + " of WeChat is not served")
}

// ownAddress reports whether host and port are those of this listener.
func (p *Proxy) ownAddress(r *http.Request, host, port string) bool {
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[r.URL.Scheme]
	}
	if port != localPort(r) {
		return false
	}
	if strings.EqualFold(host, "localhost") || p.hostname != "" && strings.EqualFold(host, p.hostname) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	return ip.Unmap().IsLoopback() || ip.Unmap() == localIP(r)
}

func localAddr(r *http.Request) netip.AddrPort {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return a.AddrPort()
	}
	return netip.AddrPort{}
}

func localIP(r *http.Request) netip.Addr { return localAddr(r).Addr().Unmap() }

func localPort(r *http.Request) string {
	_, port, _ := net.SplitHostPort(localAddr(r).String())
	return port
}

// isDNSRebinding reports a browser's call to a keyless proxy on loopback under a
// public host name. The page may have made its own name resolve to loopback (DNS
// rebinding): the browser then takes the call for same-origin, and no header
// tells it apart.
func (p *Proxy) isDNSRebinding(r *http.Request, req request, policy *access.Policy) bool {
	host, _ := splitPort(r.Host)
	if req.hostPlatform != "" || isJSSDK(req.path) || !strings.HasPrefix(r.UserAgent(), "Mozilla/") || strings.EqualFold(host, p.hostname) {
		return false
	}
	_, tld, dotted := cutLast(strings.ToLower(host), '.')
	if _, err := netip.ParseAddr(host); err == nil || !dotted {
		return false
	}
	switch tld {
	case "localhost", "local", "internal", "test", "lan", "arpa":
		return false
	}
	return policy.Anonymous() && localIP(r).IsLoopback()
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// splitPort splits a Host into its name and its port, which may be absent.
func splitPort(hostport string) (host, port string) {
	i := strings.LastIndexByte(hostport, ':')
	if i < 0 || strings.HasSuffix(hostport, "]") {
		return strings.Trim(hostport, "[]"), ""
	}
	if host := hostport[:i]; strings.IndexByte(host, ':') < 0 || strings.HasPrefix(host, "[") {
		return strings.Trim(host, "[]"), hostport[i+1:]
	}
	return hostport, ""
}

// isPreflight reports a browser's CORS preflight, which carries no key.
func isPreflight(r *http.Request, path string) bool {
	return r.Method == http.MethodOptions && isJSSDK(path) && r.Header.Get("Access-Control-Request-Method") != ""
}

// allowedOrigins returns which pages of other sites may call path; nil: none.
func (p *Proxy) allowedOrigins(path string) func(origin string) bool {
	if !isJSSDK(path) {
		return nil
	}
	return func(origin string) bool {
		_, ok := emulate.CORS(origin, p.opts.JSSDKHosts)
		return ok
	}
}

// checkForm refuses requests that net/http accepts and this proxy does not.
func checkForm(r *http.Request) *answer.Refusal {
	switch {
	case r.Method == http.MethodConnect:
		return malformed("CONNECT is not supported: call http:// URLs through this proxy, or set it as the base URL")
	case r.Method == http.MethodTrace || r.Method == "TRACK":
		return malformed(r.Method + " is not supported")
	case r.URL.Opaque != "":
		return malformed("the request target is neither a path nor a URL")
	case r.URL.User != nil:
		return malformed("the request target contains a user name")
	}
	for _, v := range r.Header["Upgrade"] {
		// Java's HttpClient offers h2c with its first call.
		if !strings.EqualFold(strings.TrimSpace(v), "h2c") {
			return malformed("Upgrade is not supported")
		}
	}
	return nil
}
