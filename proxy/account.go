package proxy

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Account is one set of WeChat credentials.
type Account struct {
	Name string
	// ID is the appid, or the corpid of a WeCom agent.
	ID       string
	Platform errcode.Platform
	// Secret is the AppSecret. The /sns/ routes that need it send it to WeChat, and
	// placeholders are signed with it.
	Secret secret.Secret
	// Token is the access_token.
	Token *token.Keeper
	// Ticket returns the keeper of a ticket, or nil if the account has no ticket of
	// that kind.
	Ticket func(token.Kind) *token.Keeper
}

// Directory has the accounts, clients and hosts in force at one moment. It is
// immutable; a reload replaces it as a whole.
type Directory struct {
	// Accounts by name.
	Accounts map[string]*Account
	// ByID holds the accounts by appid. Several WeCom agents may share a corpid.
	ByID map[string][]*Account
	// Default serves calls that name no account, of clients that have no default
	// of their own. It may be nil.
	Default *Account
	// Policy is who may do what.
	Policy *access.Policy
	// Upstreams are WeChat's hosts by platform.
	Upstreams map[errcode.Platform]*wechat.Hosts
}

func emptyDirectory() *Directory {
	p, _ := access.New(access.Options{}, nil) // fails only on rules
	return &Directory{Policy: p}
}

// secretOf returns the AppSecret of the account with that name, or the zero
// Secret.
func (d *Directory) secretOf(account string) secret.Secret {
	if a := d.Accounts[account]; a != nil {
		return a.Secret
	}
	return secret.Secret{}
}

// defaultFor returns the account for a call that names none: the client's first,
// the default account, or the only one. If platform is not "", only its accounts
// count.
func (d *Directory) defaultFor(client *access.Client, platform errcode.Platform) *Account {
	fits := func(a *Account) bool { return a != nil && (platform == "" || a.Platform == platform) }
	if client != nil && client.DefaultAccount() != "" {
		for _, name := range client.Accounts() {
			if a := d.Accounts[name]; fits(a) {
				return a
			}
		}
		return nil
	}
	if fits(d.Default) {
		return d.Default
	}
	var only *Account
	for _, a := range d.Accounts {
		if !fits(a) {
			continue
		}
		if only != nil {
			return nil
		}
		only = a
	}
	return only
}

// accountNames is everything in a call that may name an account.
type accountNames struct {
	path          string // after /@
	fromAppID     string
	placeholder   string           // the account of a placeholder
	appID         string           // the path's own appid parameter, if that selects the account
	ignoreUnknown bool             // an unknown appID names no account
	hostPlatform  errcode.Platform // of the host name; "": the proxy's own
}

// accountNames returns what names an account in a call. placeholder is the account
// of its placeholder, or "".
func (r request) accountNames(placeholder string) accountNames {
	n := accountNames{path: r.target.account, fromAppID: r.query.fromAppID, placeholder: placeholder, hostPlatform: r.hostPlatform}
	switch r.by {
	case bySecret:
		n.appID = r.query.appID
	case byAppID:
		n.appID, n.ignoreUnknown = r.query.appID, true
	}
	return n
}

// resolve returns the account that a call names, or else the default account. All
// names must mean the same account. Returns nil, nil if the call names none and
// there is no default.
func (d *Directory) resolve(n accountNames, client *access.Client) (*Account, *answer.Refusal) {
	var candidates []*Account // that agree with every name so far
	var single [4]*Account    // memory for lookup, so that it allocates nothing
	for i, by := range []struct {
		name          string
		source        string
		conflict      int // status if it contradicts the names before
		ignoreUnknown bool
	}{
		{n.path, "the path", http.StatusBadRequest, false},
		{n.fromAppID, "from_appid", http.StatusBadRequest, false},
		{n.placeholder, "the placeholder", http.StatusForbidden, false},
		{n.appID, "appid", http.StatusBadRequest, n.ignoreUnknown},
	} {
		if by.name == "" {
			continue
		}
		found := d.lookup(by.name, single[i:i])
		switch {
		case len(found) == 0 && by.ignoreUnknown:
		case len(found) == 0:
			return nil, unknownAccount(by.name)
		case candidates == nil:
			candidates = found
		default:
			both := slices.DeleteFunc(slices.Clone(candidates), func(a *Account) bool { return !slices.Contains(found, a) })
			if len(both) == 0 {
				return nil, &answer.Refusal{Status: by.conflict, Message: fmt.Sprintf("%s names account %q, but the call is for account %q", by.source, found[0].Name, candidates[0].Name)}
			}
			candidates = both
		}
	}
	if candidates == nil {
		return d.defaultFor(client, n.hostPlatform), nil
	}
	if n.hostPlatform != "" && candidates[0].Platform != n.hostPlatform {
		return nil, malformed(fmt.Sprintf("account %q does not belong to the platform of this host name", candidates[0].Name))
	}
	return pickAgent(candidates, client)
}

// lookup returns the accounts with that name or appid. Only WeCom agents share
// one. A single account is appended to buf.
func (d *Directory) lookup(nameOrID string, buf []*Account) []*Account {
	if a := d.Accounts[nameOrID]; a != nil {
		return append(buf, a)
	}
	return d.ByID[nameOrID]
}

// pickAgent returns the client's default among several agents, or the only one
// that it may use.
func pickAgent(agents []*Account, client *access.Client) (*Account, *answer.Refusal) {
	if len(agents) == 1 {
		return agents[0], nil
	}
	var usable []*Account
	for _, a := range agents {
		switch {
		case client != nil && client.DefaultAccount() == a.Name:
			return a, nil
		case client == nil || client.MayUse(a.Name):
			usable = append(usable, a)
		}
	}
	switch len(usable) {
	case 0:
		return agents[0], nil // the caller refuses it
	case 1:
		return usable[0], nil
	}
	return nil, malformed(fmt.Sprintf("several WeCom agents share %q: name one of them, such as /@%s/…", usable[0].ID, usable[0].Name))
}

// accountForStranger returns the account for a call without a key, nil if none is
// needed. Unknown or contradictory names are ignored, so that callers without a key
// cannot probe for accounts.
func (r request) accountForStranger(dir *Directory) *Account {
	if r.by != byAppID {
		return nil
	}
	account, refusal := dir.resolve(r.accountNames(""), nil)
	if refusal != nil || account == nil || account.Platform != errcode.MP {
		return nil
	}
	return account
}

// withoutAccount refuses a call for which there is no account, if it needs one.
func (d decision) withoutAccount() *answer.Refusal {
	switch {
	case d.route.inject == injectNothing, d.route.inject == injectAppID && d.query.appID != "":
		return nil
	case d.route.class == classOwn && d.path == "/":
		return noPath()
	}
	return noAccount()
}

func unknownAccount(name string) *answer.Refusal {
	return &answer.Refusal{Status: http.StatusNotFound, Message: fmt.Sprintf("unknown account %q", shorten(name, 64))}
}

func noAccount() *answer.Refusal {
	return &answer.Refusal{Status: http.StatusNotFound, Message: "the call names no account and there is no default account: call /@account/…"}
}

func noPath() *answer.Refusal {
	return &answer.Refusal{Status: http.StatusNotFound, Message: "call a WeChat path, such as /cgi-bin/get_api_domain_ip"}
}
