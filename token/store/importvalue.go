package store

import (
	"encoding/json"
	"regexp"
	"strings"
)

// foreignValue gets a token or ticket out of what an SDK has stored: the bare
// text, a JSON string of it, a JSON object (WeChat's answer), that in a JSON
// string once more, or what PHP's serialize makes of either.
func foreignValue(raw string) (string, bool) {
	raw = strings.TrimSpace(raw)
	for range 3 {
		var s string
		if !strings.HasPrefix(raw, `"`) || json.Unmarshal([]byte(raw), &s) != nil {
			break
		}
		raw = strings.TrimSpace(s)
	}
	switch {
	case strings.HasPrefix(raw, "{"):
		raw = jsonMember(raw)
	case phpString.MatchString(raw):
		raw = phpString.FindStringSubmatch(raw)[1]
	case strings.HasPrefix(raw, "a:"):
		m := phpMember.FindStringSubmatch(raw)
		if m == nil {
			return "", false
		}
		raw = m[1]
	}
	return raw, len(raw) <= maxForeign && plainValue.MatchString(raw)
}

const maxForeign = 1024 // bytes; WeChat promises 512

var (
	// WeChat's values have letters, digits, "-" and "_"; some dots or "=" do no
	// harm, while anything else says that this is another format.
	plainValue = regexp.MustCompile(`^[A-Za-z0-9_.~+/=-]{16,}$`)
	phpString  = regexp.MustCompile(`^s:\d+:"([^"]*)";$`)
	phpMember  = regexp.MustCompile(`s:\d+:"(?:access_token|ticket)";s:\d+:"([^"]*)";`)
)

// jsonMember returns the credential in WeChat's answer, or in nest-wechat's
// and others' wrapping of it.
func jsonMember(doc string) string {
	var o struct {
		AccessToken string `json:"access_token"`
		Ticket      string `json:"ticket"`
	}
	if json.Unmarshal([]byte(doc), &o) != nil {
		return ""
	}
	if o.AccessToken != "" {
		return o.AccessToken
	}
	return o.Ticket
}
