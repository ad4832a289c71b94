package config

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/help.txt")

func TestHelp(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	Help(&b)
	if *update {
		if err := os.WriteFile("testdata/help.txt", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/help.txt")
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("go test -update rewrites testdata/help.txt; got\n%s", b.String())
	}
}

func TestEveryVariableHasHelp(t *testing.T) {
	t.Parallel()
	defaults, err := readVariables(env{}.lookup)
	if err != nil {
		t.Fatal(err)
	}
	if defaults.TokenStore.Reveal() != "memory:" || defaults.Upstreams != "https://api.weixin.qq.com,https://api2.weixin.qq.com" {
		t.Errorf("the library reads the tags differently: %+v", defaults)
	}
	for _, v := range knownVariables() {
		if v.help == "" || !strings.HasPrefix(v.name, "WECHAT_") && !strings.HasPrefix(v.name, "WECOM_") && !strings.HasPrefix(v.name, "PROXY_") {
			t.Errorf("%+v", v)
		}
	}
}

func TestSuggestion(t *testing.T) {
	t.Parallel()
	var known []string
	for _, v := range knownVariables() {
		known = append(known, v.name)
	}
	for name, want := range map[string]string{
		"WECHAT_APPID":          "; did you mean WECHAT_APP_ID?",
		"WECHAT_SECRET":         "; did you mean WECHAT_APP_SECRET?",
		"WECHAT_APPSECRET":      "; did you mean WECHAT_APP_SECRET?",
		"PROXY_LISTEN_ADDR":     "; did you mean PROXY_LISTEN?",
		"PROXY_TIMEOUT":         "",
		"PROXY_UPSTREAMTIMEOUT": "; did you mean PROXY_UPSTREAM_TIMEOUT?",
		"PROXY_LOGLEVEL":        "; did you mean PROXY_LOG_LEVEL?",
		"PROXY_SERVICE_HOST":    "",
		"PROXY_":                "",
	} {
		if got := suggestion(name, known); got != want {
			t.Errorf("%s%s, want %q", name, got, want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"abc", "abc", 0}, {"flaw", "lawn", 2}} {
		if got := editDistance(row.a, row.b); got != row.want {
			t.Errorf("%q to %q: %d, want %d", row.a, row.b, got, row.want)
		}
	}
}

func TestDefaultOf(t *testing.T) {
	for name, want := range map[string]string{"PROXY_LISTEN": "127.0.0.1:8080", "PROXY_ADMIN_LISTEN": "127.0.0.1:8081", "PROXY_ADMIN_KEY": "", "PROXY_NOTHING": ""} {
		if got := DefaultOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
