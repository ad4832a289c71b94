package admin

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clip makes a copy of s that is at most most bytes long, valid UTF-8 and
// without control characters.
func clip(s string, most int) string {
	cut := ""
	if len(s) > most {
		for most > 0 && !utf8.RuneStart(s[most]) {
			most--
		}
		s, cut = s[:most], "…"
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.Clone(s) + cut
}
