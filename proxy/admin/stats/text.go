package stats

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clip returns a copy of s without control characters, in valid UTF-8 and cut
// to limit bytes; "…" marks a cut.
func Clip(s string, limit int) string {
	mark := ""
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s, mark = s[:limit], "…"
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.Clone(s) + mark
}
