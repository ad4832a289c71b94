package token

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		n      int
		denied bool
		want   time.Duration
	}{
		{"the first trouble", 1, false, time.Second},
		{"the third", 3, false, 4 * time.Second},
		{"trouble without end", 1000, false, time.Minute},
		{"the first no", 1, true, 30 * time.Second},
		{"the second", 2, true, time.Minute},
		{"a no without end", 1000, true, 10 * time.Minute},
	} {
		if got := backoff(c.n, c.denied, 0); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if got := backoff(c.n, c.denied, 0.999); got > c.want || got < c.want*4/5 {
			t.Errorf("%s with jitter: %v", c.name, got)
		}
	}
}
