package access

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// CrossSite reports whether a page of another site makes a browser send this
// request, as any page may do to a proxy on loopback. h is the request's
// header and host its Host. allowed, which may be nil, says which other origins
// are welcome.
//
// It goes by Sec-Fetch-Site, which no page can forge, and by Origin where a
// browser does not send that. What carries neither is no browser's doing. The
// method does not matter: here a GET has effects.
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

// sameHost reports whether origin is a page that host itself served. "null",
// which pages in a sandbox send, is nobody's.
func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return strings.EqualFold(strings.TrimSuffix(u.Host, port), strings.TrimSuffix(host, port))
}
