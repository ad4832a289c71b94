package emulate

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
)

func TestPageURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ raw, page, host string }{
		{"https://shop.example/", "https://shop.example/", "shop.example"},
		{"https://shop.example", "https://shop.example", "shop.example"},
		{"http://shop.example?a=b", "http://shop.example?a=b", "shop.example"},
		{"https://shop.example/a?b=c&d=%E5%AD%97#/route?x", "https://shop.example/a?b=c&d=%E5%AD%97", "shop.example"},
		{"https://shop.example/a#b#c", "https://shop.example/a", "shop.example"},
		{"https://shop.example/100%?q=50%", "https://shop.example/100%?q=50%", "shop.example"},
		{"https://shop.example/a b/字?字=c d", "https://shop.example/a b/字?字=c d", "shop.example"},
		{`https://shop.example/?a=\@evil.example`, `https://shop.example/?a=\@evil.example`, "shop.example"},
		{"HTTPS://Shop.Example:8443/A", "HTTPS://Shop.Example:8443/A", "shop.example"},
		{"https://商店.example/", "https://商店.example/", "商店.example"},
		{"http://[::1]:8080/", "http://[::1]:8080/", "::1"},
		{"https://shop.example/?back=http://other.example/", "https://shop.example/?back=http://other.example/", "shop.example"},
	} {
		page, host, err := PageURL(c.raw)
		if page != c.page || host != c.host || err != nil {
			t.Errorf("%s: %q at %q, %v", c.raw, page, host, err)
		}
	}
	for _, raw := range []string{
		"", "canary", "/canary", "//shop.example/", "ftp://shop.example/", "javascript:canary()", "https:", "https://", "https:///a",
		"https:/shop.example/", "https://?canary", "https://#shop.example", "weixin://canary/", " https://shop.example/",
		"https://canary@evil.example/", "https://shop.example\\@evil.example/", "https://evil.example\\.shop.example/",
		"https://shop.example%2eevil.example/", "https://sh op.example/", "https://shop.example:canary/",
		"https://shop.example/\r\nx", "https://shop.example/\x00", "http://[::1/",
	} {
		page, host, err := PageURL(raw)
		if r := refused(t, raw, err); r.Status != http.StatusBadRequest || page+host != "" {
			t.Errorf("%q: %d, %q at %q", raw, r.Status, page, host)
		}
	}
}

func TestPageOnlyForListedHosts(t *testing.T) {
	t.Parallel()
	hosts := []string{"shop.example"}
	if page, err := Page("https://shop.example/a#b", hosts); page != "https://shop.example/a" || err != nil {
		t.Errorf("%q, %v", page, err)
	}
	_, err := Page("https://canary.example/", hosts)
	if r := refused(t, "another host", err); r.Status != http.StatusForbidden {
		t.Errorf("another host: %d", r.Status)
	}
	_, err = Page("canary", nil)
	if r := refused(t, "no URL", err); r.Status != http.StatusBadRequest {
		t.Errorf("no URL: %d", r.Status)
	}
}

func TestHostAllowed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hosts, host string
		want        bool
	}{
		{"", "any.example", true},
		{"shop.example", "shop.example", true},
		{"shop.example", "SHOP.example:8443", true},
		{"Shop.Example:443", "shop.example", true},
		{"shop.example", "www.shop.example", false},
		{"shop.example", "shop.example.evil.example", false},
		{"shop.example", "evilshop.example", false},
		{"shop.example", "", false},
		{"*.shop.example", "www.shop.example", true},
		{"*.shop.example", "a.b.shop.example", true},
		{"*.shop.example", "shop.example", false},
		{"*.shop.example", ".shop.example", false},
		{"*.shop.example", "evilshop.example", false},
		{"*.", "shop.example.", false},
		{"*", "shop.example", false},
		{"a.example b.example", "b.example", true},
		{"xn--mnqt9k.example", "商店.example", false},
		{"[::1]:80", "::1", true},
		{"::1", "[::1]:8080", true},
	} {
		if got := HostAllowed(strings.Fields(c.hosts), c.host); got != c.want {
			t.Errorf("%q, %q: %v", c.hosts, c.host, got)
		}
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hosts, origin string
		want          bool
	}{
		{"shop.example", "https://shop.example", true},
		{"shop.example", "http://shop.example:8080", true},
		{"*.shop.example", "https://m.shop.example", true},
		{"shop.example", "https://evil.example", false},
		{"shop.example", "null", false},
		{"shop.example", "", false},
		{"shop.example", "https://shop.example/", false},
		{"shop.example", "https://a@shop.example", false},
		{"shop.example", "https://shop.example\r\nX: y", false},
		{"shop.example", "file://shop.example", false},
		{"", "https://shop.example", false},
	} {
		allow, ok := CORS(c.origin, strings.Fields(c.hosts))
		if ok != c.want || ok && allow != c.origin || !ok && allow != "" {
			t.Errorf("%q for %q: %q, %v", c.origin, c.hosts, allow, ok)
		}
	}
}

func FuzzPageURL(f *testing.F) {
	f.Add("https://shop.example/a?b#c")
	f.Add("http://[::1]:80?")
	f.Add("https://a@b/")
	f.Add("https://a%2eb")
	f.Fuzz(func(t *testing.T, raw string) {
		page, host, err := PageURL(raw)
		if err != nil {
			var r *answer.Refusal
			if !errors.As(err, &r) || page+host != "" {
				t.Errorf("%q: %v with %q at %q", raw, err, page, host)
			}
			return
		}
		want, _, _ := strings.Cut(raw, "#")
		if page != want || host == "" || strings.ContainsAny(host, `/?#@\%`) || !strings.Contains(strings.ToLower(page), host) {
			t.Errorf("%q: %q at %q", raw, page, host)
		}
		if again, h, err := PageURL(page); again != page || h != host || err != nil {
			t.Errorf("%q is not the end of it: %q at %q, %v", page, again, h, err)
		}
	})
}
