package config

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// patterns reads an allow or deny list.
func patterns(list []field) []string {
	var texts []string
	for _, f := range list {
		text, ok := f.text()
		if !ok {
			continue
		}
		if err := checkPattern(text); err != nil {
			f.report(text, "%v", err)
			continue
		}
		texts = append(texts, text)
	}
	return texts
}

var methodForm = regexp.MustCompile(`^[A-Z]{1,20}$`)

// checkPattern validates a pattern of an allow or deny list: a path that starts
// with "/", in which * stands for any characters, optionally after a method and
// a space. A pattern that can never match is an error too: paths are decoded
// and collapsed before they are matched.
func checkPattern(s string) error {
	path := s
	if method, rest, ok := strings.Cut(s, " "); ok {
		if !methodForm.MatchString(method) {
			return errors.New(`want a pattern, for example /cgi-bin/message/* or "POST /wxa/msg_sec_check"`)
		}
		path = rest
	}
	switch {
	case !strings.HasPrefix(path, "/"):
		return errors.New("the path of a pattern must start with /")
	case len(s) > 512:
		return errors.New("longer than 512 bytes")
	case strings.ContainsAny(path, "?#"):
		return errors.New("patterns match the path only: remove the query")
	case strings.ContainsAny(path, `%\;`):
		return errors.New(`can never match: paths are decoded first and contain no %, \ or ;`)
	case strings.Contains(path, "//") || hasDotSegment(path):
		return errors.New("can never match: paths contain no //, /./ or /../")
	case !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return errors.New("contains white space or control characters")
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

var rateForm = regexp.MustCompile(`^([0-9]{1,9}(?:\.[0-9]{1,6})?)/([smh])(?: burst ([0-9]{1,9}))?$`)

// parseRate reads "50/s", "100/m" or "10/h", optionally followed by
// " burst 100". It returns calls per second and calls at once, by default those
// of one second, at least one.
func parseRate(s string) (perSecond float64, burst int, err error) {
	m := rateForm.FindStringSubmatch(s)
	if m == nil {
		return 0, 0, errors.New(`want a rate, for example 50/s, 100/m, 10/h or "50/s burst 100"`)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil || n <= 0 {
		return 0, 0, errors.New("must be greater than zero; omit it for no limit")
	}
	perSecond = n / map[string]float64{"s": 1, "m": 60, "h": 3600}[m[2]]
	if m[3] == "" {
		return perSecond, max(1, int(math.Ceil(perSecond))), nil
	}
	burst, err = strconv.Atoi(m[3])
	if err != nil || burst < 1 {
		return 0, 0, errors.New("burst must be at least 1")
	}
	return perSecond, burst, nil
}
