package access

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
)

// maxName bounds the names of clients and accounts, so that both fit into a
// placeholder.
const maxName = 63

// Options are what a [Policy] is made of.
type Options struct {
	Clients []ClientSpec
	// Deny are patterns that nobody may call.
	Deny []string
	// Anonymous lets everybody in where there are no Clients. Where there are
	// some it changes nothing. With neither, nobody gets in.
	Anonymous bool
}

// Policy is who may call and what they may do. It never changes, and is safe
// for concurrent use.
type Policy struct {
	clients []*Client
	keyed   []*Client          // those with a key
	byName  map[string]*Client // :: client name → client
	deny    []Pattern
	nobody  *Client // who calls where clients are anonymous, else nil
}

// New makes the policy of o. Clients whose name and rate are as they were in
// previous, which may be nil, keep what they have used of it. The error lists
// everything that is wrong.
func New(o Options, previous *Policy) (*Policy, error) {
	p := &Policy{byName: make(map[string]*Client, len(o.Clients))}
	var errs []error
	var err error
	if p.deny, err = patterns(o.Deny); err != nil {
		errs = append(errs, fmt.Errorf("deny: %w", err))
	}
	owners := make(map[[sha256.Size]byte]string, len(o.Clients)) // :: key hash → client name
	for _, spec := range o.Clients {
		if err := p.add(spec, owners, previous); err != nil {
			errs = append(errs, fmt.Errorf("client %.80q: %w", spec.Name, err))
		}
	}
	if len(o.Clients) == 0 && o.Anonymous {
		p.nobody = &Client{}
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
	var before *Client
	if previous != nil {
		before = previous.byName[spec.Name]
	}
	c := &Client{
		Name: spec.Name, key: spec.KeySHA256, accounts: slices.Clone(spec.Accounts),
		allow: allow, deny: deny, limiter: limiterOf(spec, before),
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
		return errors.New("it has no name")
	case len(spec.Name) > maxName:
		return fmt.Errorf("its name is longer than %d bytes", maxName)
	case p.byName[spec.Name] != nil:
		return errors.New("there are two of that name")
	case owners[spec.KeySHA256] != "":
		return fmt.Errorf("client %q has the same key", owners[spec.KeySHA256])
	case spec.KeySHA256 == sha256.Sum256(nil):
		return errors.New("its key is empty")
	case spec.Rate < 0 || math.IsNaN(spec.Rate) || math.IsInf(spec.Rate, 0) || spec.Burst < 0:
		return fmt.Errorf("a rate of %v a second, %d at once, is none", spec.Rate, spec.Burst)
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

// Anonymous reports whether nobody needs a key.
func (p *Policy) Anonymous() bool { return p.nobody != nil }

// Clients returns all clients in the order they were named.
func (p *Policy) Clients() []*Client { return slices.Clone(p.clients) }
