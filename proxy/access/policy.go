// Package access decides who calls and what they may do. It does no I/O and
// reads no clock. A [Policy] never changes; a reload makes a new one.
//
//	policy.go       Policy: all clients and rules; may this client call this path
//	client.go       one client: its accounts and its rate
//	identify.go     which client a key, a certificate or a placeholder belongs to
//	pattern.go      the patterns of allow and deny rules
//	placeholder.go  what a client gets where its SDK insists on an access_token
//	crosssite.go    requests that a web page makes a browser send
package access

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// maxName is the maximum length of a client's or account's name in bytes, so
// that both fit into a placeholder.
const maxName = 63

// Options are the settings of a [Policy].
type Options struct {
	Clients []ClientSpec
	// Deny has the patterns that no client may call.
	Deny []string
	// Anonymous lets everyone in if there are no Clients; otherwise it has no
	// effect. With neither, no one gets in.
	Anonymous bool
}

// Policy knows who may call and what they may do. It never changes and is safe
// for concurrent use.
type Policy struct {
	clients   []*Client
	keyed     []*Client          // those with a key
	byName    map[string]*Client // client name → client
	deny      []Pattern
	anonymous *Client // the caller if no key is needed, else nil
}

// New makes a policy. Clients with the same name and rate as in previous, which
// may be nil, keep their rate limiter, so that a reload does not reset it. The
// error lists everything that is wrong.
func New(o Options, previous *Policy) (*Policy, error) {
	p := &Policy{byName: make(map[string]*Client, len(o.Clients))}
	var errs []error
	var err error
	if p.deny, err = patterns(o.Deny); err != nil {
		errs = append(errs, fmt.Errorf("deny: %w", err))
	}
	owners := make(map[[sha256.Size]byte]string, len(o.Clients)) // key hash → client name
	for _, spec := range o.Clients {
		if err := p.add(spec, owners, previous); err != nil {
			errs = append(errs, fmt.Errorf("client %.80q: %w", spec.Name, err))
		}
	}
	if len(o.Clients) == 0 && o.Anonymous {
		p.anonymous = &Client{}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Policy) add(spec ClientSpec, owners map[[sha256.Size]byte]string, previous *Policy) error {
	allow, err := patterns(spec.Allow)
	deny, err2 := patterns(spec.Deny)
	if err := errors.Join(p.check(spec, owners), err, err2); err != nil {
		return err
	}
	var old *Client
	if previous != nil {
		old = previous.byName[spec.Name]
	}
	c := &Client{
		Name: spec.Name, key: spec.KeySHA256, accounts: slices.Clone(spec.Accounts),
		allow: allow, deny: deny, limiter: newLimiter(spec, old),
	}
	p.clients = append(p.clients, c)
	p.byName[c.Name] = c
	if c.key != [sha256.Size]byte{} {
		p.keyed = append(p.keyed, c)
		owners[c.key] = c.Name
	}
	return nil
}

func (p *Policy) check(spec ClientSpec, owners map[[sha256.Size]byte]string) error {
	switch {
	case spec.Name == "":
		return errors.New("name is missing")
	case len(spec.Name) > maxName:
		return fmt.Errorf("name is longer than %d bytes", maxName)
	case p.byName[spec.Name] != nil:
		return errors.New("duplicate name")
	case owners[spec.KeySHA256] != "":
		return fmt.Errorf("same key as client %q", owners[spec.KeySHA256])
	case spec.KeySHA256 == sha256.Sum256(nil):
		return errors.New("key is empty")
	case spec.Rate < 0 || math.IsNaN(spec.Rate) || math.IsInf(spec.Rate, 0) || spec.Burst < 0:
		return fmt.Errorf("invalid rate %v/s, burst %d", spec.Rate, spec.Burst)
	}
	return nil
}

func patterns(texts []string) ([]Pattern, error) {
	var all []Pattern
	var errs []error
	for _, text := range texts {
		p, err := ParsePattern(text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, p)
	}
	return all, errors.Join(errs...)
}

// Anonymous reports whether clients need no key.
func (p *Policy) Anonymous() bool { return p.anonymous != nil }

// Clients returns all clients in the order of [Options].
func (p *Policy) Clients() []*Client { return slices.Clone(p.clients) }

// Decision says whether a call is allowed.
type Decision struct {
	OK bool
	// Rule is the pattern that decided; "" if none did.
	Rule string
	// Reason says why the call is not allowed; "" if OK.
	Reason string
}

// MayCall decides whether c may call path, decoded and collapsed, with method.
// It checks the common deny list first, then c's deny list, then c's allow
// list. A nil c is a caller without a key on a path that needs none; for it
// only the common deny list counts.
func (p *Policy) MayCall(c *Client, method, path string) Decision {
	if rule, ok := matchAny(p.deny, method, path); ok {
		return Decision{Rule: rule, Reason: fmt.Sprintf("%s is denied to everyone (rule %s)", printable(method, path), rule)}
	}
	if c == nil {
		return Decision{OK: true}
	}
	if rule, ok := matchAny(c.deny, method, path); ok {
		return Decision{Rule: rule, Reason: fmt.Sprintf("%s is denied to client %q (rule %s)", printable(method, path), c.Name, rule)}
	}
	if len(c.allow) == 0 {
		return Decision{OK: true}
	}
	if rule, ok := matchAny(c.allow, method, path); ok {
		return Decision{OK: true, Rule: rule}
	}
	return Decision{Reason: fmt.Sprintf("client %q has no allow rule for %s", c.Name, printable(method, path))}
}

// matchAny returns the first of rules that matches.
func matchAny(rules []Pattern, method, path string) (rule string, ok bool) {
	for _, r := range rules {
		if r.Match(method, path) {
			return r.text, true
		}
	}
	return "", false
}

// maxPrintable is the maximum length in bytes of a call in a reason.
const maxPrintable = 200

// printable returns the call for a reason: one line of limited length.
func printable(method, path string) string {
	s := method + " " + path
	if len(s) > maxPrintable {
		s = s[:maxPrintable] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
