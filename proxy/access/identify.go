package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// Errors of [Policy.Identify]. A caller without a valid key learns no more than
// this.
var (
	// ErrNoKey: the request has no key, certificate or access_token.
	ErrNoKey = errors.New("no client key")
	// ErrWrongKey: the key or certificate belongs to no client.
	ErrWrongKey = errors.New("wrong client key")
	// ErrNoPlaceholder: the request has only an access_token, and that is not a
	// valid placeholder. An SDK that sends this fetches a new one if the answer is
	// 40001.
	ErrNoPlaceholder = errors.New("access_token is not a valid placeholder")
)

// Offer has everything in a request that may identify the caller; "" for what it
// does not have.
type Offer struct {
	Bearer string // the key in "Authorization: Bearer"
	Basic  string // the password of "Authorization: Basic"; the user name is ignored
	Cert   string // the common name of the verified client certificate
	// Placeholder is the access_token, valid or not.
	Placeholder string
	// Secret returns the AppSecret of the account with that name, or the zero
	// Secret. It is needed only with a Placeholder.
	Secret func(account string) secret.Secret
}

// String lists what o has, without the values.
func (o Offer) String() string {
	var names []string
	for _, part := range []struct{ name, value string }{
		{"bearer", o.Bearer}, {"basic", o.Basic}, {"certificate", o.Cert}, {"access_token", o.Placeholder},
	} {
		if part.value != "" {
			names = append(names, part.name)
		}
	}
	return strings.Join(names, ", ")
}

// GoString returns String, so that %#v shows no values.
func (o Offer) GoString() string { return o.String() }

// Identity is the caller.
type Identity struct {
	// Client is not nil. If clients are anonymous, it has no name.
	Client *Client
	// Account is the account that the placeholder names; "" without one. It only
	// selects among the accounts that the client may use: a client with a valid
	// key may send a placeholder made with an older key, and still mean that
	// account.
	Account string
}

// Identify returns the caller. The first of Bearer, Basic, Cert and Placeholder
// that o has decides, even if it is wrong. A certificate that names no client
// only protects the connection; it decides only if there is no Placeholder
// either. The error is ErrNoKey, ErrWrongKey or ErrNoPlaceholder.
func (p *Policy) Identify(o Offer) (Identity, error) {
	claim, claimed := Parse(o.Placeholder)
	switch {
	case p.anonymous != nil:
		return Identity{p.anonymous, claim.Account}, nil
	case o.Bearer != "":
		return identity(p.ClientByKey(o.Bearer), claim)
	case o.Basic != "":
		return identity(p.ClientByKey(o.Basic), claim)
	case o.Cert != "" && (o.Placeholder == "" || p.byName[o.Cert] != nil):
		return identity(p.byName[o.Cert], claim)
	case o.Placeholder == "":
		return Identity{}, ErrNoKey
	case !claimed || o.Secret == nil:
		return Identity{}, ErrNoPlaceholder
	}
	c := p.byName[claim.Client]
	if c == nil || !Verify(o.Placeholder, o.Secret(claim.Account), c) {
		return Identity{}, ErrNoPlaceholder
	}
	return Identity{c, claim.Account}, nil
}

func identity(c *Client, claim Claim) (Identity, error) {
	if c == nil {
		return Identity{}, ErrWrongKey
	}
	return Identity{c, claim.Account}, nil
}

// ClientByKey returns the client with that key, or nil. The emulated endpoints
// need it: the "secret" that an SDK sends there is a client key. If clients are
// anonymous, any key belongs to the anonymous client.
//
// The time it takes reveals nothing about the keys: it compares the hash of the
// key with that of every client, in constant time.
func (p *Policy) ClientByKey(key string) *Client {
	if p.anonymous != nil {
		return p.anonymous
	}
	sum := sha256.Sum256([]byte(key))
	found := -1
	for i, c := range p.keyed {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], c.key[:]), i, found)
	}
	if found < 0 {
		return nil
	}
	return p.keyed[found]
}
