package config

import (
	"math"
	"strings"
	"testing"
)

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"1": 1, "4096": 4096, "4096B": 4096, "512KiB": 512 << 10, "32MiB": 32 << 20, "10MB": 10e6, "1kb": 1000, "2GiB": 2 << 30, "1GB": 1e9,
		"9223372036854775807": math.MaxInt64,
	} {
		if got, err := parseSize(text); got != want || err != nil {
			t.Errorf("%s is %d bytes, %v; want %d", text, got, err, want)
		}
	}
	const form = "not a size such as 32MiB, 10MB, 512KiB or 4096"
	for text, want := range map[string]string{
		"": form, "MiB": form, "-1": form, "+1": form, "1.5MiB": form, "1 MiB": form, "10M": form, "10TiB": form, "1KiBKiB": form, "0x10": form, "1_000": form, "1BMi": form,
		"0": "must be at least one byte", "0GiB": "must be at least one byte",
		"9223372036854775808": "too large", "9007199254740993KiB": "too large", "99999999999999999999999": "too large",
	} {
		if got, err := parseSize(text); err == nil || err.Error() != want || got != 0 {
			t.Errorf("%q is %d bytes, %v; want %q", text, got, err, want)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		perSecond float64
		burst     int
	}{
		"50/s":           {50, 50},
		"1/s":            {1, 1},
		"90/m":           {1.5, 2},
		"10/h":           {10.0 / 3600, 1},
		"0.5/s":          {0.5, 1},
		"50/s burst 100": {50, 100},
		"50/s burst 1":   {50, 1},
	} {
		if perSecond, burst, err := parseRate(text); perSecond != want.perSecond || burst != want.burst || err != nil {
			t.Errorf("%s is %v a second, %d at once, %v; want %v", text, perSecond, burst, err, want)
		}
	}
	const form = `not a rate such as 50/s, 100/m, 10/h or "50/s burst 100"`
	for text, want := range map[string]string{
		"": form, "50": form, "50/": form, "/s": form, "50/d": form, "-1/s": form, "NaN/s": form, "Inf/s": form, "1e9/s": form, "5 /s": form, "5/s burst": form, "5/s burst x": form, "5/s  burst 1": form, "9999999999/s": form,
		"0/s": "must be above zero; leave it out for no limit", "0.0/h": "must be above zero; leave it out for no limit",
		"1/s burst 0": "a burst must be at least 1",
	} {
		if _, _, err := parseRate(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, text := range append(standardDeny(), "/", "/*", "/cgi-bin/message/*", "POST /wxa/msg_sec_check", "GET /a*b*c", "/-/jssdk/config", "/路径") {
		if err := checkPattern(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	const form = `not a pattern such as /cgi-bin/message/* or "POST /wxa/msg_sec_check"`
	for text, want := range map[string]string{
		"":                             `the path of a pattern begins with "/"`,
		"*":                            `the path of a pattern begins with "/"`,
		"cgi-bin/*":                    `the path of a pattern begins with "/"`,
		"POST":                         `the path of a pattern begins with "/"`,
		"POST  /a":                     `the path of a pattern begins with "/"`,
		"post /a":                      form,
		" /a":                          form,
		"* /a":                         form,
		"/a b":                         form,
		"POST /a b":                    "holds white space or control characters",
		"/a\x00":                       "holds white space or control characters",
		"/\xff":                        "holds white space or control characters",
		"/a?b=c":                       "a pattern is for the path alone: leave out the query",
		"/a%2fb":                       `matches nothing: paths are matched decoded, and %, \ and ; are in none`,
		"/a//b":                        "matches nothing: no path has //, /./ or /../ in it",
		"/a/../b":                      "matches nothing: no path has //, /./ or /../ in it",
		"/" + strings.Repeat("a", 512): "longer than 512 bytes",
	} {
		if err := checkPattern(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, exposed := range map[string]bool{
		"127.0.0.1:8080": false, "127.9.9.9:0": false, "[::1]:8080": false, "[::ffff:127.0.0.1]:1": false, "localhost:8080": false, "LOCALHOST:1": false,
		":8080": true, "0.0.0.0:8080": true, "[::]:8080": true, "10.0.0.1:80": true, "proxy.local:80": true, "localhost.example.com:80": true,
	} {
		if err := checkListen(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if got := isExposed(address); got != exposed {
			t.Errorf("%s is exposed: %t", address, got)
		}
	}
	for address, want := range map[string]string{
		"":                "not host:port, such as 127.0.0.1:8080 or :8080",
		"8080":            "not host:port, such as 127.0.0.1:8080 or :8080",
		"::1:8080":        "not host:port, such as 127.0.0.1:8080 or :8080",
		"127.0.0.1:":      "the port is not a number from 0 to 65535",
		"127.0.0.1:http":  "the port is not a number from 0 to 65535",
		"127.0.0.1:65536": "the port is not a number from 0 to 65535",
		"http://a:80":     "not host:port, such as 127.0.0.1:8080 or :8080",
		"a b:80":          "the host is neither an IP address nor a name",
		"*:80":            "the host is neither an IP address nor a name",
	} {
		if err := checkListen(address); err == nil || err.Error() != want {
			t.Errorf("%q: %v; want %q", address, err, want)
		}
	}
	for _, pair := range [][2]string{{":80", ":80"}, {"127.0.0.1:80", "0.0.0.0:80"}, {"[::]:80", "localhost:80"}, {"A:80", "a:80"}} {
		if !sameAddress(pair[0], pair[1]) {
			t.Errorf("%s and %s are not the same", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{":80", ":81"}, {":0", ":0"}, {"127.0.0.1:80", "127.0.0.2:80"}, {"80", "80"}} {
		if sameAddress(pair[0], pair[1]) {
			t.Errorf("%s and %s are the same", pair[0], pair[1])
		}
	}
}

func TestUpstreams(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://api.weixin.qq.com":       "https://api.weixin.qq.com",
		"https://api.weixin.qq.com/":      "https://api.weixin.qq.com",
		"HTTPS://API.weixin.qq.com:8443/": "https://api.weixin.qq.com:8443",
		"http://[::1]:80/wechat//":        "",
		"http://[::1]:80/Gate/Way/":       "http://[::1]:80/Gate/Way",
		"http://127.0.0.1:1/a%20b":        "http://127.0.0.1:1/a%20b",
	} {
		got, err := parseUpstream(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s is %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"api.weixin.qq.com":  "not a base URL such as https://api.weixin.qq.com",
		"ftp://a":            "not a base URL such as https://api.weixin.qq.com",
		"https:api":          "not a base URL such as https://api.weixin.qq.com",
		"https://a:b":        "not a base URL such as https://api.weixin.qq.com",
		"https://u:p@a":      "a base URL has no user or password",
		"https://a?b":        "a base URL has no query and no fragment",
		"https://a?":         "a base URL has no query and no fragment",
		"https://a#":         "a base URL has no query and no fragment",
		"https://":           "the URL's host is missing or no host name",
		"https://:80":        "the URL's host is missing or no host name",
		"https://a b":        "not a base URL such as https://api.weixin.qq.com",
		"https://a:":         "the URL's port is not a number from 1 to 65535",
		"https://a:0":        "the URL's port is not a number from 1 to 65535",
		"https://a:65536":    "the URL's port is not a number from 1 to 65535",
		"https://a/../b":     "the URL's path has //, /./ or /../ in it",
		"https://a/%2e%2e/b": "the URL's path has //, /./ or /../ in it",
	} {
		if _, err := parseUpstream(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	f.Add("32MiB")
	f.Add("9007199254740993KiB")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseSize(text); err == nil && n < 1 {
			t.Errorf("%q is %d bytes", text, n)
		}
	})
}

func FuzzParseRate(f *testing.F) {
	f.Add("50/s burst 100")
	f.Add("0.000001/h")
	f.Fuzz(func(t *testing.T, text string) {
		perSecond, burst, err := parseRate(text)
		if err == nil && (perSecond <= 0 || math.IsInf(perSecond, 0) || math.IsNaN(perSecond) || burst < 1) {
			t.Errorf("%q is %v a second, %d at once", text, perSecond, burst)
		}
	})
}

func FuzzCheckPattern(f *testing.F) {
	f.Add("POST /wxa/*")
	f.Add("/a/../b")
	f.Fuzz(func(t *testing.T, text string) {
		if checkPattern(text) == nil && (!strings.Contains(text, "/") || strings.ContainsAny(text, "?#\\%\n\r\x00")) {
			t.Errorf("%q is a pattern", text)
		}
	})
}

func FuzzParseUpstream(f *testing.F) {
	f.Add("https://api.weixin.qq.com/")
	f.Add("http://[::1%25eth0]:80/a/b/")
	f.Fuzz(func(t *testing.T, text string) {
		base, err := parseUpstream(text)
		if err != nil {
			return
		}
		if again, err := parseUpstream(base); again != base || err != nil {
			t.Errorf("%q is %q, and that is %q, %v", text, base, again, err)
		}
	})
}
