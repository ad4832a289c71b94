package config

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// secret returns the secret of a variable, or of the file that the variable
// with _FILE names; the zero Secret if neither is set.
func (l *loader) secret(name string, value secret.Secret, file string) secret.Secret {
	switch {
	case !value.IsZero() && file != "":
		l.problems.add(name+"_FILE", shownPath("", file), "conflicts with %s: set only one of them", name)
	case file != "":
		var err error
		if value, err = l.read.secret(file); err != nil {
			l.problems.add(name+"_FILE", shownPath("", file), "%v", err)
		}
	case !value.IsZero():
		if err := checkSecret(value.Reveal()); err != nil {
			l.problems.add(name, "", "%v", err)
		}
	}
	return value
}

func (l *loader) choice(name, value string, choices ...string) string {
	if err := oneOf(value, choices...); err != nil {
		l.problems.add(name, value, "%v", err)
	}
	return value
}

func oneOf(value string, choices ...string) error {
	if slices.Contains(choices, value) {
		return nil
	}
	return errors.New("want one of " + strings.Join(choices, ", "))
}

func (l *loader) boolean(name, value string) bool {
	b, err := strconv.ParseBool(value)
	if err != nil {
		l.problems.add(name, value, "want true or false")
	}
	return b
}

func (l *loader) duration(name, value string) time.Duration {
	d, err := time.ParseDuration(value)
	switch {
	case err != nil:
		l.problems.add(name, value, "want a duration, for example 30s, 500ms or 1m30s")
	case d <= 0:
		l.problems.add(name, value, "must be greater than zero")
	}
	return d
}

// maxWarm is as many connections as the proxy keeps to one host.
const maxWarm = 512

func (l *loader) number(name, value string, most int) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > most {
		l.problems.add(name, value, "want a number from 0 to %d", most)
	}
	return n
}

// quotaEvery reads PROXY_QUOTA_EVERY. Queries more often than once a minute
// would use up the quota they ask about.
func (l *loader) quotaEvery(value string) time.Duration {
	d, err := time.ParseDuration(value)
	if err != nil || d != 0 && d < time.Minute {
		l.problems.add("PROXY_QUOTA_EVERY", value, "want 0s (never) or a duration of at least 1m")
	}
	return d
}

func (l *loader) size(name, value string) int64 {
	n, err := parseSize(value)
	if err != nil {
		l.problems.add(name, value, "%v", err)
	}
	return n
}

// parseSize reads a number of bytes: "32MiB", "10MB", "512KiB", "4096".
func parseSize(s string) (int64, error) {
	number := strings.TrimRight(s, "BKMGibkmg")
	unit, ok := sizeUnit(strings.ToLower(s[len(number):]))
	// ParseUint accepts no sign.
	n, err := strconv.ParseUint(number, 10, 63)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange), !ok:
		return 0, errors.New("want a size, for example 32MiB, 10MB, 512KiB or 4096")
	case err != nil, n > uint64(math.MaxInt64/unit):
		return 0, errors.New("too large")
	case n == 0:
		return 0, errors.New("must be at least 1 byte")
	}
	return int64(n) * unit, nil
}

func sizeUnit(s string) (int64, bool) {
	switch s {
	case "", "b":
		return 1, true
	case "kb":
		return 1e3, true
	case "mb":
		return 1e6, true
	case "gb":
		return 1e9, true
	case "kib":
		return 1 << 10, true
	case "mib":
		return 1 << 20, true
	case "gib":
		return 1 << 30, true
	default:
		return 0, false
	}
}

// hosts reads a list of host names, each of which may start with "*.".
func (l *loader) hosts(name, value string) []string {
	var list []string
	for _, text := range splitList(value) {
		host := strings.ToLower(text)
		if !isHostName(strings.TrimPrefix(host, "*.")) {
			l.problems.add(name, text, "want a host name without scheme, port or path, for example www.example.com or *.example.com")
			continue
		}
		if !slices.Contains(list, host) {
			list = append(list, host)
		}
	}
	return list
}

// splitList splits a list at its commas and drops empty entries.
func splitList(s string) []string {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
