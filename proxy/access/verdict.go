package access

import (
	"fmt"
	"strings"
)

// Verdict says whether a call may be made.
type Verdict struct {
	OK bool
	// Rule is the pattern that decided; "": none did.
	Rule string
	// Reason says in words why not; "" where OK.
	Reason string
}

// MayCall says whether c may call path, decoded and collapsed, by method. What
// is denied to everyone comes first, then what is denied to c, then what is
// allowed to it. A nil c is somebody who needs no key for this path, to whom
// the first alone applies.
func (p *Policy) MayCall(c *Client, method, path string) Verdict {
	if rule, hit := first(p.deny, method, path); hit {
		return Verdict{Rule: rule, Reason: fmt.Sprintf("%s is denied to everyone (rule %s)", shown(method, path), rule)}
	}
	if c == nil {
		return Verdict{OK: true}
	}
	if rule, hit := first(c.deny, method, path); hit {
		return Verdict{Rule: rule, Reason: fmt.Sprintf("%s is denied to client %q (rule %s)", shown(method, path), c.Name, rule)}
	}
	if len(c.allow) == 0 {
		return Verdict{OK: true}
	}
	if rule, hit := first(c.allow, method, path); hit {
		return Verdict{OK: true, Rule: rule}
	}
	return Verdict{Reason: fmt.Sprintf("client %q has no rule for %s", c.Name, shown(method, path))}
}

func first(rules []Pattern, method, path string) (rule string, hit bool) {
	for _, r := range rules {
		if r.Match(method, path) {
			return r.text, true
		}
	}
	return "", false
}

// maxShown bounds how much of a client's own bytes a reason repeats.
const maxShown = 200

// shown is the call as a reason may name it: one line, not too long.
func shown(method, path string) string {
	s := method + " " + path
	if len(s) > maxShown {
		s = s[:maxShown] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
