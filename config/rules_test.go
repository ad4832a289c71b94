package config

import (
	"math"
	"strings"
	"testing"
)

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, text := range append(defaultDeny(), "/", "/*", "/cgi-bin/message/*", "POST /wxa/msg_sec_check", "GET /a*b*c", "/-/jssdk/config", "/路径") {
		if err := checkPattern(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	const form = `want a pattern, for example /cgi-bin/message/* or "POST /wxa/msg_sec_check"`
	for text, want := range map[string]string{
		"":                             "the path of a pattern must start with /",
		"*":                            "the path of a pattern must start with /",
		"cgi-bin/*":                    "the path of a pattern must start with /",
		"POST":                         "the path of a pattern must start with /",
		"POST  /a":                     "the path of a pattern must start with /",
		"post /a":                      form,
		" /a":                          form,
		"* /a":                         form,
		"/a b":                         form,
		"POST /a b":                    "contains white space or control characters",
		"/a\x00":                       "contains white space or control characters",
		"/\xff":                        "contains white space or control characters",
		"/a?b=c":                       "patterns match the path only: remove the query",
		"/a%2fb":                       `can never match: paths are decoded first and contain no %, \ or ;`,
		"/a//b":                        "can never match: paths contain no //, /./ or /../",
		"/a/../b":                      "can never match: paths contain no //, /./ or /../",
		"/" + strings.Repeat("a", 512): "longer than 512 bytes",
	} {
		if err := checkPattern(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
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
	const form = `want a rate, for example 50/s, 100/m, 10/h or "50/s burst 100"`
	for text, want := range map[string]string{
		"": form, "50": form, "50/": form, "/s": form, "50/d": form, "-1/s": form, "NaN/s": form, "Inf/s": form, "1e9/s": form, "5 /s": form, "5/s burst": form, "5/s burst x": form, "5/s  burst 1": form, "9999999999/s": form,
		"0/s": "must be greater than zero; omit it for no limit", "0.0/h": "must be greater than zero; omit it for no limit",
		"1/s burst 0": "burst must be at least 1",
	} {
		if _, _, err := parseRate(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
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
