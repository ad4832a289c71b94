package config

import "testing"

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
		"":                "want host:port, for example 127.0.0.1:8080 or :8080",
		"8080":            "want host:port, for example 127.0.0.1:8080 or :8080",
		"::1:8080":        "want host:port, for example 127.0.0.1:8080 or :8080",
		"127.0.0.1:":      "port must be a number from 0 to 65535",
		"127.0.0.1:http":  "port must be a number from 0 to 65535",
		"127.0.0.1:65536": "port must be a number from 0 to 65535",
		"http://a:80":     "want host:port, for example 127.0.0.1:8080 or :8080",
		"a b:80":          "host must be an IP address or a host name",
		"*:80":            "host must be an IP address or a host name",
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
		"api.weixin.qq.com":  "want a base URL, for example https://api.weixin.qq.com",
		"ftp://a":            "want a base URL, for example https://api.weixin.qq.com",
		"https:api":          "want a base URL, for example https://api.weixin.qq.com",
		"https://a:b":        "want a base URL, for example https://api.weixin.qq.com",
		"https://u:p@a":      "URL must not contain a user or password",
		"https://a?b":        "URL must not contain a query or fragment",
		"https://a?":         "URL must not contain a query or fragment",
		"https://a#":         "URL must not contain a query or fragment",
		"https://":           "host of the URL is missing or invalid",
		"https://:80":        "host of the URL is missing or invalid",
		"https://a b":        "want a base URL, for example https://api.weixin.qq.com",
		"https://a:":         "port of the URL must be a number from 1 to 65535",
		"https://a:0":        "port of the URL must be a number from 1 to 65535",
		"https://a:65536":    "port of the URL must be a number from 1 to 65535",
		"https://a/../b":     "path of the URL must not contain //, /./ or /../",
		"https://a/%2e%2e/b": "path of the URL must not contain //, /./ or /../",
	} {
		if _, err := parseUpstream(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
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
