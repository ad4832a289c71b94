package access

import (
	"errors"
	"fmt"
	"strings"
)

// maxPattern is the maximum length of a pattern in bytes.
const maxPattern = 1024

// Pattern is an allow or deny rule: a path in which * stands for any characters,
// including / and none, optionally after a method. The zero Pattern matches
// nothing.
type Pattern struct {
	text   string
	method string   // "": any
	parts  []string // the path, split at its stars
}

// ParsePattern reads "/cgi-bin/message/*" or "POST /wxa/msg_sec_check". A pattern
// that can never match is an error: a path that does not start with /, one with
// a query, a fragment, white space or //, a method in lower case.
func ParsePattern(text string) (Pattern, error) {
	method, path, both := strings.Cut(text, " ")
	if !both {
		method, path = "", text
	}
	if err := checkPattern(method, path, both); err != nil {
		return Pattern{}, fmt.Errorf("rule %.80q: %w", text, err)
	}
	for strings.Contains(path, "**") {
		path = strings.ReplaceAll(path, "**", "*")
	}
	return Pattern{text: text, method: method, parts: strings.Split(path, "*")}, nil
}

func checkPattern(method, path string, hasMethod bool) error {
	switch {
	case len(method)+len(path) > maxPattern:
		return fmt.Errorf("longer than %d bytes", maxPattern)
	case hasMethod && (method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != ""):
		return errors.New("method must be one word in capital letters")
	case !strings.HasPrefix(path, "/"):
		return errors.New("path must start with /")
	case strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return errors.New("path must not contain white space")
	case strings.ContainsAny(path, "?#"):
		return errors.New("rules match the path only: remove the query")
	case strings.Contains(path, "//"):
		return errors.New("can never match: // in a path becomes /")
	}
	return nil
}

// String returns the rule as it was written.
func (p Pattern) String() string { return p.text }

// Match reports whether the pattern matches a call. path is decoded and
// collapsed. The case of the path matters; that of the method does not, because
// WeChat may treat "post" as POST. A pattern for GET also matches HEAD. The time
// is linear in the length of path.
func (p Pattern) Match(method, path string) bool {
	return p.matchMethod(method) && p.matchPath(path)
}

func (p Pattern) matchMethod(method string) bool {
	return p.method == "" || strings.EqualFold(p.method, method) ||
		p.method == "GET" && strings.EqualFold(method, "HEAD")
}

// matchPath finds the parts between the stars from left to right, each at its
// first occurrence. That leaves the most for the parts after it, so there is no
// backtracking.
func (p Pattern) matchPath(path string) bool {
	if len(p.parts) == 0 {
		return false
	}
	first, rest := p.parts[0], p.parts[1:]
	if len(rest) == 0 {
		return path == first
	}
	path, ok := strings.CutPrefix(path, first)
	if !ok {
		return false
	}
	middle, last := rest[:len(rest)-1], rest[len(rest)-1]
	for _, part := range middle {
		i := strings.Index(path, part)
		if i < 0 {
			return false
		}
		path = path[i+len(part):]
	}
	return strings.HasSuffix(path, last)
}
