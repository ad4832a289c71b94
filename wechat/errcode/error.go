package errcode

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is an answer of WeChat's with an errcode other than 0.
type Error struct {
	Platform Platform
	Endpoint Endpoint
	Code     int
	Msg      string // WeChat's errmsg, without the rid
	RID      string // WeChat's request id; "" if there is none
}

// maxMsg is how many bytes of WeChat's errmsg Error prints.
const maxMsg = 256

// Error returns the errcode and WeChat's errmsg in one line: "40164 invalid ip …".
func (e *Error) Error() string {
	s := strconv.Itoa(e.Code)
	if e.Msg != "" {
		s += " " + plain(e.Msg)
	}
	if e.RID != "" {
		s += " (rid " + e.RID + ")"
	}
	return s
}

// Verdict returns what to do about the error, see [Classify].
func (e *Error) Verdict() Verdict { return Classify(e.Platform, e.Endpoint, e.Code) }

// plain makes s fit for one line of a log or a header: no control characters, at
// most maxMsg bytes.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) <= maxMsg {
		return s
	}
	cut := maxMsg
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
