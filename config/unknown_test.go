package config

import "testing"

func TestTheNearestName(t *testing.T) {
	t.Parallel()
	var known []string
	for _, v := range knownVariables() {
		known = append(known, v.name)
	}
	for name, want := range map[string]string{
		"WECHAT_APPID":          ". Did you mean WECHAT_APP_ID?",
		"WECHAT_SECRET":         ". Did you mean WECHAT_APP_SECRET?",
		"WECHAT_APPSECRET":      ". Did you mean WECHAT_APP_SECRET?",
		"PROXY_LISTEN_ADDR":     ". Did you mean PROXY_LISTEN?",
		"PROXY_TIMEOUT":         "",
		"PROXY_UPSTREAMTIMEOUT": ". Did you mean PROXY_UPSTREAM_TIMEOUT?",
		"PROXY_LOGLEVEL":        ". Did you mean PROXY_LOG_LEVEL?",
		"PROXY_SERVICE_HOST":    "",
		"PROXY_":                "",
	} {
		if got := didYouMean(name, known); got != want {
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
