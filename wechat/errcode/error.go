package errcode

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is an answer of WeChat's with an errcode.
type Error struct {
	Platform Platform
	Endpoint Endpoint
	Code     int
	Msg      string // WeChat's words, without the rid
	RID      string
}

// maxMsg bounds how much of WeChat's words is passed on.
const maxMsg = 256

// Error returns the number and WeChat's words: "40164 invalid ip …".
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

// Verdict classifies the error.
func (e *Error) Verdict() Verdict { return Classify(e.Platform, e.Endpoint, e.Code) }

// plain makes words of WeChat's fit for one line of a log or a header.
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
