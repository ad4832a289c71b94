package access

import (
	"net/http"
	"testing"
)

func TestCrossSite(t *testing.T) {
	t.Parallel()
	shop := func(origin string) bool { return origin == "https://shop.example" }
	for _, c := range []struct {
		name    string
		site    []string
		origin  []string
		allowed func(string) bool
		want    bool
	}{
		{"a program", nil, nil, nil, false},
		{"the address bar", []string{"none"}, nil, nil, false},
		{"a page of our own", []string{"same-origin"}, []string{"http://proxy:8080"}, nil, false},
		{"another site's page", []string{"cross-site"}, []string{"http://evil.example"}, nil, true},
		{"another site's image", []string{"cross-site"}, nil, nil, true},
		{"another site's image, where a site is allowed", []string{"cross-site"}, nil, shop, true},
		{"a page of the same site", []string{"same-site"}, nil, nil, true},
		{"an unknown value", []string{"sub-site"}, nil, nil, true},
		{"said twice", []string{"none", "cross-site"}, nil, nil, true},
		{"an allowed site", []string{"cross-site"}, []string{"https://shop.example"}, shop, false},
		{"a site that is not allowed", []string{"cross-site"}, []string{"https://evil.example"}, shop, true},
		{"an old browser, our own page", nil, []string{"http://proxy:8080"}, nil, false},
		{"an old browser, in capitals", nil, []string{"http://PROXY:8080"}, nil, false},
		{"an old browser, another port", nil, []string{"http://proxy:9090"}, nil, true},
		{"an old browser, another site", nil, []string{"http://evil.example"}, nil, true},
		{"an old browser, an allowed site", nil, []string{"https://shop.example"}, shop, false},
		{"an old browser, an allowed site and another", nil, []string{"https://shop.example", "http://evil.example"}, shop, true},
		{"a sandboxed page", nil, []string{"null"}, nil, true},
		{"a file", nil, []string{"file://"}, nil, true},
		{"an invalid origin", nil, []string{"%"}, nil, true},
	} {
		h := http.Header{}
		if c.site != nil {
			h["Sec-Fetch-Site"] = c.site
		}
		if c.origin != nil {
			h["Origin"] = c.origin
		}
		if got := CrossSite(h, "proxy:8080", c.allowed); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestCrossSiteIgnoresTheDefaultPort(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		origin, host string
		want         bool
	}{
		{"http://proxy", "proxy:80", false},
		{"http://proxy", "proxy", false},
		{"https://proxy", "proxy:443", false},
		{"https://proxy", "proxy:80", true},
		{"http://[::1]:8080", "[::1]:8080", false},
		{"http://[::1]", "[::1]:80", false},
	} {
		if got := CrossSite(http.Header{"Origin": {c.origin}}, c.host, nil); got != c.want {
			t.Errorf("%s at %s: %v", c.origin, c.host, got)
		}
	}
}
