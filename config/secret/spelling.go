package secret

import (
	"html"
	"strconv"
	"strings"
	"unicode"
)

// maxEscapes is how many times over an escaped text is decoded.
const maxEscapes = 8

// In reports whether text holds secret: as it is, or spelled with the escapes of
// URLs, HTML and JSON, also escaped several times over, or with control
// characters between, tabs and line breaks among them, which some readers drop.
// An empty secret is in none.
func In(text, secret string) bool {
	if secret == "" {
		return false
	}
	for range maxEscapes {
		if strings.Contains(text, secret) {
			return true
		}
		if strings.IndexFunc(text, special) < 0 {
			return false // nearly always, and at no cost
		}
		decoded := html.UnescapeString(unescape(squeeze(text)))
		if decoded == text {
			return false
		}
		text = decoded
	}
	return strings.Contains(text, secret)
}

// special reports a character that begins an escape, or that readers may drop.
func special(r rune) bool { return r == '%' || r == '\\' || r == '&' || unicode.IsControl(r) }

// squeeze drops control characters, the tab and the line break among them.
func squeeze(text string) string {
	if strings.IndexFunc(text, unicode.IsControl) < 0 {
		return text
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
}

// unescape decodes %41, %u0041, \u0041, \u{41}, \x41, \101, \", \/ and \\, once,
// and leaves what is none of them.
func unescape(text string) string {
	if !strings.ContainsAny(text, `%\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		if c, n := escaped(text[i:]); n > 0 {
			b.WriteRune(c)
			i += n
			continue
		}
		b.WriteByte(text[i])
		i++
	}
	return b.String()
}

// escaped returns what text begins with in escaped form, and how long that is.
func escaped(text string) (c rune, n int) {
	for _, form := range []struct {
		prefix string
		digits int
		base   int
	}{{`%u`, 4, 16}, {`%`, 2, 16}, {`\u`, 4, 16}, {`\x`, 2, 16}, {`\`, 3, 8}} {
		rest, found := strings.CutPrefix(text, form.prefix)
		if !found {
			continue
		}
		if inner, braced := strings.CutPrefix(rest, "{"); braced {
			digits, _, closed := strings.Cut(inner, "}")
			if v, err := strconv.ParseUint(digits, 16, 21); closed && err == nil {
				return rune(v), len(form.prefix) + len(digits) + 2
			}
		}
		if len(rest) < form.digits {
			continue
		}
		if v, err := strconv.ParseUint(rest[:form.digits], form.base, 21); err == nil {
			return rune(v), len(form.prefix) + form.digits
		}
	}
	if len(text) > 1 && text[0] == '\\' && strings.IndexByte(`"/\`, text[1]) >= 0 {
		return rune(text[1]), 2
	}
	return 0, 0
}
