package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// Why [Policy.Identify] knows nobody. A stranger learns no more than this.
var (
	// ErrNoKey: the request carried nothing that says who calls.
	ErrNoKey = errors.New("no client key")
	// ErrWrongKey: it carried a key, or a certificate, that is no client's.
	ErrWrongKey = errors.New("wrong client key")
	// ErrNoPlaceholder: it carried an access_token alone, and that is no valid
	// placeholder. Its sender is an SDK that fetches another if it hears 40001.
	ErrNoPlaceholder = errors.New("access_token is no valid placeholder")
)

// Offer is what a request carried that may say who calls. "" is: no such thing.
type Offer struct {
	Bearer string // behind "Authorization: Bearer"
	Basic  string // the password of "Authorization: Basic"; its user name says nothing
	Cert   string // the common name of the client certificate, verified
	// Placeholder is an access_token, whatever it is worth.
	Placeholder string
	// Secret returns the AppSecret of the account of that name, the zero Secret
	// where there is none. Only a Placeholder needs it.
	Secret func(account string) secret.Secret
}

// String lists what there is, and shows none of it.
func (o Offer) String() string {
	var has []string
	for _, door := range []struct{ name, value string }{
		{"bearer", o.Bearer}, {"basic", o.Basic}, {"certificate", o.Cert}, {"access_token", o.Placeholder},
	} {
		if door.value != "" {
			has = append(has, door.name)
		}
	}
	return strings.Join(has, ", ")
}

// GoString is String: %#v must not look inside.
func (o Offer) GoString() string { return o.String() }

// Identity is who calls.
type Identity struct {
	// Client is never nil. Where clients are anonymous it is one without a name.
	Client *Client
	// Account is the name of the account the placeholder stands for; "": there
	// was none. It chooses among the accounts the client may use and proves
	// nothing: a client known by its key may hold a placeholder that died with an
	// older key, and still means that account.
	Account string
}

// Identify says who calls. Bearer, Basic, Cert and Placeholder are looked at in
// this order, and the first one there is decides, a wrong key too. A
// certificate that names no client only protects the connection: it decides
// nothing unless there is nothing else. The error is ErrNoKey, ErrWrongKey or
// ErrNoPlaceholder.
func (p *Policy) Identify(o Offer) (Identity, error) {
	claim, claimed := Parse(o.Placeholder)
	switch {
	case p.nobody != nil:
		return Identity{p.nobody, claim.Account}, nil
	case o.Bearer != "":
		return known(p.ClientByKey(o.Bearer), claim)
	case o.Basic != "":
		return known(p.ClientByKey(o.Basic), claim)
	case o.Cert != "" && (o.Placeholder == "" || p.byName[o.Cert] != nil):
		return known(p.byName[o.Cert], claim)
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

func known(c *Client, claim Claim) (Identity, error) {
	if c == nil {
		return Identity{}, ErrWrongKey
	}
	return Identity{c, claim.Account}, nil
}

// ClientByKey returns the client whose key it is, nil where it is nobody's, as
// the emulated endpoints need it, to which an SDK's "secret" is a client key.
// Where clients are anonymous any key is the anonymous client's.
//
// How long it takes tells nothing about the keys: it is the key's hash that is
// compared, in constant time, and with every client's.
func (p *Policy) ClientByKey(key string) *Client {
	if p.nobody != nil {
		return p.nobody
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
