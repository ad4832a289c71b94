package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Problem is one thing that is wrong with the settings.
type Problem struct {
	Where string // a variable's name, or "file:line key"
	Value string // its value; "" for a secret, or if it has none
	What  string // what is wrong, or what is wanted instead
}

// String returns "PROXY_LISTEN=foo: want host:port, …".
func (p Problem) String() string {
	if p.Value == "" {
		return p.Where + ": " + p.What
	}
	return p.Where + "=" + quoteIfNeeded(p.Value) + ": " + p.What
}

// Problems is the list of everything that is wrong, as one error.
type Problems []Problem

// Error returns a message with one problem per line.
func (ps Problems) Error() string {
	var b strings.Builder
	if len(ps) == 1 {
		b.WriteString("1 invalid setting:")
	} else {
		fmt.Fprintf(&b, "%d invalid settings:", len(ps))
	}
	for _, p := range ps {
		b.WriteString("\n  ")
		b.WriteString(p.String())
	}
	return b.String()
}

// add adds a problem; format is for args.
func (ps *Problems) add(where, value, format string, args ...any) {
	*ps = append(*ps, Problem{Where: where, Value: value, What: fmt.Sprintf(format, args...)})
}

// quoteIfNeeded returns s unchanged if it is short and printable; otherwise it
// quotes s and cuts it to a length that fits into a message.
func quoteIfNeeded(s string) string {
	const longest = 200
	cut := len(s) > longest
	if cut {
		s = s[:longest]
	}
	quoted := cut || !utf8.ValidString(s)
	for _, r := range s {
		quoted = quoted || !strconv.IsPrint(r)
	}
	if strings.TrimSpace(s) != s {
		quoted = true
	}
	switch {
	case cut:
		return strconv.Quote(s) + "…"
	case quoted:
		return strconv.Quote(s)
	default:
		return s
	}
}
