package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Problem is one thing that is wrong with what the operator said.
type Problem struct {
	Where string // a variable's name, or "file:line key"
	Value string // what it was set to; "" for a secret, or where nothing was set
	What  string // what is wrong with that, and what would be right
}

// String returns "PROXY_LISTEN=foo: not host:port …".
func (p Problem) String() string {
	if p.Value == "" {
		return p.Where + ": " + p.What
	}
	return p.Where + "=" + quoteIfOdd(p.Value) + ": " + p.What
}

// Problems is everything that is wrong, as one error.
type Problems []Problem

// Error returns one message that lists all problems, one a line.
func (ps Problems) Error() string {
	var b strings.Builder
	if len(ps) == 1 {
		b.WriteString("1 setting is wrong:")
	} else {
		fmt.Fprintf(&b, "%d settings are wrong:", len(ps))
	}
	for _, p := range ps {
		b.WriteString("\n  ")
		b.WriteString(p.String())
	}
	return b.String()
}

// add notes a problem; what is a format for args.
func (ps *Problems) add(where, value, what string, args ...any) {
	*ps = append(*ps, Problem{Where: where, Value: value, What: fmt.Sprintf(what, args...)})
}

// quoteIfOdd returns s as it is if it fits well in a line of text, and else
// quoted and cut.
func quoteIfOdd(s string) string {
	const longest = 200
	cut := len(s) > longest
	if cut {
		s = s[:longest]
	}
	odd := cut || !utf8.ValidString(s)
	for _, r := range s {
		odd = odd || !strconv.IsPrint(r)
	}
	if strings.TrimSpace(s) != s {
		odd = true
	}
	switch {
	case cut:
		return strconv.Quote(s) + "…"
	case odd:
		return strconv.Quote(s)
	default:
		return s
	}
}
