package access

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// CrossSite reports whether a page of another site made a browser send this
// request, which any page can do to a proxy on loopback. h is the request's
// header and host its Host. allowed reports whether an origin may send requests
// although it is another site; if nil, none may.
//
// It uses Sec-Fetch-Site, which no page can forge, or Origin if the browser does
// not send that. A request with neither does not come from a browser's page. The
// method does not matter, because here a GET has effects.
func CrossSite(h http.Header, host string, allowed func(origin string) bool) bool {
	origins := h.Values("Origin")
	if len(origins) == 1 && allowed != nil && allowed(origins[0]) {
		return false
	}
	if site := h.Values("Sec-Fetch-Site"); len(site) > 0 {
		return slices.ContainsFunc(site, func(s string) bool { return s != "same-origin" && s != "none" })
	}
	return slices.ContainsFunc(origins, func(o string) bool { return !sameHost(o, host) })
}

// sameHost reports whether host itself served the page at origin. Sandboxed
// pages send "null", which matches no host.
func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return strings.EqualFold(strings.TrimSuffix(u.Host, port), strings.TrimSuffix(host, port))
}
