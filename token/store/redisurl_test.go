package store

import "testing"

func TestRedisURLs(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	for _, url := range []string{
		"redis://:" + canary + "%zz@127.0.0.1:1", "redis://u:" + canary + "/x@127.0.0.1:1/x", "redis://u:" + canary + "@127.0.0.1:1/" + canary,
		"http://u:" + canary + "@127.0.0.1", "redis://u:" + canary + "@127.0.0.1:1?dial_timeout=" + canary, "\x00" + canary, "",
	} {
		_, err := NewRedis(t.Context(), url, RedisOptions{})
		if err == nil {
			t.Errorf("%q is understood", url)
		} else if leaks(err, canary) {
			t.Errorf("%q: %v", url, err)
		}
	}
}
