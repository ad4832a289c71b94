package config

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var methodForm = regexp.MustCompile(`^[A-Z]{1,20}$`)

// checkPattern says what is wrong with a pattern of an allow or deny list: a
// path that begins with "/", in which * stands for any characters, perhaps with
// a method and a space before it. What could never match is wrong too: paths
// are matched decoded and collapsed.
func checkPattern(s string) error {
	path := s
	if method, rest, ok := strings.Cut(s, " "); ok {
		if !methodForm.MatchString(method) {
			return errors.New(`not a pattern such as /cgi-bin/message/* or "POST /wxa/msg_sec_check"`)
		}
		path = rest
	}
	switch {
	case !strings.HasPrefix(path, "/"):
		return errors.New(`the path of a pattern begins with "/"`)
	case len(s) > 512:
		return errors.New("longer than 512 bytes")
	case strings.ContainsAny(path, "?#"):
		return errors.New("a pattern is for the path alone: leave out the query")
	case strings.ContainsAny(path, `%\;`):
		return errors.New(`matches nothing: paths are matched decoded, and %, \ and ; are in none`)
	case strings.Contains(path, "//") || hasDotSegment(path):
		return errors.New("matches nothing: no path has //, /./ or /../ in it")
	case !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return errors.New("holds white space or control characters")
	}
	return nil
}

func hasDotSegment(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}
