package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// secret returns the secret of a variable or of the file that the variable with
// _FILE names; the zero Secret if neither is set.
func (l *loader) secret(name string, value secret.Secret, file string) secret.Secret {
	switch {
	case !value.IsZero() && file != "":
		l.problems.add(name+"_FILE", fileName(file), "is set beside %s: only one can hold", name)
	case file != "":
		var err error
		if value, err = l.read.secret(file); err != nil {
			l.problems.add(name+"_FILE", fileName(file), "%v", err)
		}
	case !value.IsZero():
		if err := checkSecret(value.Reveal()); err != nil {
			l.problems.add(name, "", "%v", err)
		}
	}
	return value
}

// fileName is the name of a file that was to hold a secret, as a problem may
// quote it: not if it looks like the secret itself, set in the wrong place.
func fileName(name string) string {
	if strings.ContainsFunc(name, unicode.IsControl) {
		return ""
	}
	if dir, err := os.Stat(filepath.Dir(name)); strings.ContainsRune(name, filepath.Separator) && err == nil && dir.IsDir() || filepath.Ext(name) != "" {
		return name
	}
	return ""
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
	return errors.New("not one of " + strings.Join(choices, ", "))
}

func (l *loader) boolean(name, value string) bool {
	b, err := strconv.ParseBool(value)
	if err != nil {
		l.problems.add(name, value, "neither true nor false")
	}
	return b
}

func (l *loader) size(name, value string) int64 {
	n, err := parseSize(value)
	if err != nil {
		l.problems.add(name, value, "%v", err)
	}
	return n
}

func (l *loader) duration(name, value string) time.Duration {
	d, err := time.ParseDuration(value)
	switch {
	case err != nil:
		l.problems.add(name, value, "not a duration such as 30s, 500ms or 1m30s")
	case d <= 0:
		l.problems.add(name, value, "must be above zero")
	}
	return d
}

// quotaEvery reads PROXY_QUOTA_EVERY. More often than once a minute would spend
// the quota on asking about it.
func (l *loader) quotaEvery(value string) time.Duration {
	d, err := time.ParseDuration(value)
	if err != nil || d != 0 && d < time.Minute {
		l.problems.add("PROXY_QUOTA_EVERY", value, "neither 0s nor a duration of at least 1m")
	}
	return d
}

// splitList cuts a list at its commas and drops what is empty.
func splitList(s string) []string {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
