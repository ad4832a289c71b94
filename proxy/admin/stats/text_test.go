package stats

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzClip(f *testing.F) {
	f.Add("abc", 2)
	f.Add("微信\x00\xff", 4)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = min(max(limit, 0), 1000)
		got := Clip(s, limit)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\n\r\x1b") {
			t.Errorf("%q", got)
		}
		if len(got) > 3*limit+3 {
			t.Errorf("%d bytes, wanted %d", len(got), limit)
		}
	})
}
