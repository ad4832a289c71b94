package access

import (
	"strings"
	"testing"
)

func TestPatternMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, method, path string
		want                  bool
	}{
		{"/cgi-bin/menu/create", "POST", "/cgi-bin/menu/create", true},
		{"/cgi-bin/menu/create", "GET", "/cgi-bin/menu/create", true},
		{"/cgi-bin/menu/create", "POST", "/cgi-bin/menu/create2", false},
		{"/cgi-bin/menu/create", "POST", "/cgi-bin/Menu/create", false},
		{"/cgi-bin/menu", "POST", "/cgi-bin/menu/create", false},
		{"/cgi-bin/menu/*", "POST", "/cgi-bin/menu/create", true},
		{"/cgi-bin/menu/*", "POST", "/cgi-bin/menu/", true},
		{"/cgi-bin/menu/*", "POST", "/cgi-bin/menu", false},
		{"/cgi-bin/*", "POST", "/cgi-bin/message/custom/send", true},
		{"/cgi-bin/clear_quota*", "POST", "/cgi-bin/clear_quota", true},
		{"/cgi-bin/clear_quota*", "POST", "/cgi-bin/clear_quota/v2", true},
		{"/*", "POST", "/", true},
		{"/*/send", "POST", "/cgi-bin/message/custom/send", true},
		{"/*/send", "POST", "/send", false},
		{"/*/send", "POST", "/cgi-bin/send/x", false},
		{"/*a*a", "GET", "/a", false},
		{"/*a*a", "GET", "/aa", true},
		{"/*ab*ab*", "GET", "/abab", true},
		{"/*ab*ab*", "GET", "/abb", false},
		{"/a**b", "GET", "/ab", true},
		{"/a*b", "GET", "/a/x?/b", true},
		{"/.*", "GET", "/x", false},
		{"POST /wxa/msg_sec_check", "POST", "/wxa/msg_sec_check", true},
		{"POST /wxa/msg_sec_check", "post", "/wxa/msg_sec_check", true},
		{"POST /wxa/msg_sec_check", "GET", "/wxa/msg_sec_check", false},
		{"GET /x", "HEAD", "/x", true},
		{"GET /x", "head", "/x", true},
		{"HEAD /x", "GET", "/x", false},
		{"POST /x", "HEAD", "/x", false},
	} {
		p, err := ParsePattern(c.pattern)
		if err != nil {
			t.Errorf("ParsePattern(%q): %v", c.pattern, err)
			continue
		}
		if got := p.Match(c.method, c.path); got != c.want {
			t.Errorf("%q matches %s %s: %v", c.pattern, c.method, c.path, got)
		}
		if p.String() != c.pattern {
			t.Errorf("%q prints as %q", c.pattern, p)
		}
	}
	if (Pattern{}).Match("GET", "") {
		t.Error("the zero Pattern matches")
	}
}

func TestBadPatterns(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"":                              `rule "": path must start with /`,
		"cgi-bin/*":                     `rule "cgi-bin/*": path must start with /`,
		"*":                             `rule "*": path must start with /`,
		"post /x":                       `rule "post /x": method must be one word in capital letters`,
		" /x":                           `rule " /x": method must be one word in capital letters`,
		"GET  /x":                       `rule "GET  /x": path must start with /`,
		"GET /x y":                      `rule "GET /x y": path must not contain white space`,
		"/x\t":                          `rule "/x\t": path must not contain white space`,
		"/x?type=jsapi":                 `rule "/x?type=jsapi": rules match the path only: remove the query`,
		"/x//y":                         `rule "/x//y": can never match: // in a path becomes /`,
		"/" + strings.Repeat("x", 1024): `rule "/` + strings.Repeat("x", 79) + `": longer than 1024 bytes`,
	} {
		if _, err := ParsePattern(pattern); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", pattern, err, want)
		}
	}
}

// naive is a simple version of Match: a table of which prefixes match.
func naive(pattern, path string) bool {
	reach := make([]bool, len(path)+1) // the pattern so far matches path[:i]
	reach[0] = true
	for _, c := range []byte(pattern) {
		next := make([]bool, len(path)+1)
		for i := range reach {
			if c == '*' {
				next[i] = reach[i] || i > 0 && next[i-1]
			} else {
				next[i] = i > 0 && reach[i-1] && path[i-1] == c
			}
		}
		reach = next
	}
	return reach[len(path)]
}

func FuzzPatternAgreesWithANaiveMatcher(f *testing.F) {
	f.Add("/cgi-bin/*", "/cgi-bin/menu/create")
	f.Add("/*a*b*a", "/aabbaabba")
	f.Add("POST /a*", "/a")
	f.Add("/*"+strings.Repeat("a*", 200)+"b", "/"+strings.Repeat("a", 400))
	f.Fuzz(func(t *testing.T, pattern, path string) {
		p, err := ParsePattern(pattern)
		if err != nil || len(path) > 4096 {
			return
		}
		method, rest, both := strings.Cut(pattern, " ")
		if !both {
			method, rest = "GET", pattern
		}
		if got, want := p.Match(method, path), naive(rest, path); got != want {
			t.Errorf("%q, %q: %v, want %v", pattern, path, got, want)
		}
	})
}
