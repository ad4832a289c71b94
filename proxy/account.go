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

// Account is one set of WeChat credentials as the proxy sees it.
type Account struct {
	Name string
	// ID is the appid, or the corpid of a WeCom agent.
	ID       string
	Platform errcode.Platform
	// Secret is the AppSecret: sent to WeChat by the /sns/ routes that want it,
	// and the key of placeholders.
	Secret secret.Secret
	// Token is the access_token.
	Token *token.Keeper
	// Ticket returns the keeper of a ticket, made when first asked for; nil where
	// the account has no such kind.
	Ticket func(token.Kind) *token.Keeper
}

// Directory has the accounts, clients and hosts in force at one moment. It is
// immutable; a reload puts another in its place, whole.
type Directory struct {
	// Accounts by name.
	Accounts map[string]*Account
	// ByID holds the accounts by appid. Several WeCom agents may share a corpid.
	ByID map[string][]*Account
	// Default serves calls that name no account and whose client has none of
	// its own; nil: there is none.
	Default *Account
	// Policy is who may do what.
	Policy *access.Policy
	// Upstreams are where calls go, by platform.
	Upstreams map[errcode.Platform]*wechat.Hosts
}

func emptyDirectory() *Directory {
	p, _ := access.New(access.Options{}, nil) // without rules there is nothing to be wrong
	return &Directory{Policy: p}
}

// secretOf returns the AppSecret of the account of that name, the zero Secret
// where there is none.
func (d *Directory) secretOf(account string) secret.Secret {
	if a := d.Accounts[account]; a != nil {
		return a.Secret
	}
	return secret.Secret{}
}

// fallback returns the account that serves a call which names none: the
// client's first, the default, or the only one there is; of the platform under
// whose name the call came, where that is not "".
func (d *Directory) fallback(client *access.Client, on errcode.Platform) *Account {
	fits := func(a *Account) bool { return a != nil && (on == "" || a.Platform == on) }
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

// naming is everything in a call that may name an account.
type naming struct {
	path        string // behind /@
	fromAppID   string
	placeholder string           // the account a placeholder stands for
	appID       string           // where the path's own appid parameter picks the account
	lenient     bool             // an appID that is none of ours names nothing
	host        errcode.Platform // whose host name the client used; "": ours
}

// resolve says which account a call means. All that name one must mean the
// same. A nil account without a refusal: it names none, and there is none for
// such calls.
func (d *Directory) resolve(n naming, client *access.Client) (*Account, *answer.Refusal) {
	var meant []*Account   // that everything so far may mean
	var single [4]*Account // room for each name's account: a call allocates none
	for i, by := range []struct {
		name  string
		what  string
		other int  // status where it is another than the one before
		skip  bool // it may name nothing
	}{
		{n.path, "the path", http.StatusBadRequest, false},
		{n.fromAppID, "from_appid", http.StatusBadRequest, false},
		{n.placeholder, "the placeholder", http.StatusForbidden, false},
		{n.appID, "appid", http.StatusBadRequest, n.lenient},
	} {
		if by.name == "" {
			continue
		}
		named := d.named(by.name, single[i:i])
		switch {
		case len(named) == 0 && by.skip:
		case len(named) == 0:
			return nil, unknownAccount(by.name)
		case meant == nil:
			meant = named
		default:
			both := slices.DeleteFunc(slices.Clone(meant), func(a *Account) bool { return !slices.Contains(named, a) })
			if len(both) == 0 {
				return nil, &answer.Refusal{Status: by.other, Message: fmt.Sprintf("%s names account %q, but the call is for account %q", by.what, named[0].Name, meant[0].Name)}
			}
			meant = both
		}
	}
	if meant == nil {
		return d.fallback(client, n.host), nil
	}
	if n.host != "" && meant[0].Platform != n.host {
		return nil, malformed(fmt.Sprintf("account %q does not belong to the platform of this host name", meant[0].Name))
	}
	return one(meant, client)
}

// named returns the accounts of that name or appid: WeCom agents share a
// corpid. A single one is appended to into.
func (d *Directory) named(nameOrID string, into []*Account) []*Account {
	if a := d.Accounts[nameOrID]; a != nil {
		return append(into, a)
	}
	return d.ByID[nameOrID]
}

// one returns the one of several agents that the client means: the only one it
// may use, or its default.
func one(agents []*Account, client *access.Client) (*Account, *answer.Refusal) {
	if len(agents) == 1 {
		return agents[0], nil
	}
	var may []*Account
	for _, a := range agents {
		switch {
		case client != nil && client.DefaultAccount() == a.Name:
			return a, nil
		case client == nil || client.MayUse(a.Name):
			may = append(may, a)
		}
	}
	switch len(may) {
	case 0:
		return agents[0], nil // which it may not use either
	case 1:
		return may[0], nil
	}
	return nil, malformed(fmt.Sprintf("several WeCom agents share %q: name one of them, such as /@%s/…", may[0].ID, may[0].Name))
}

func unknownAccount(name string) *answer.Refusal {
	return &answer.Refusal{Status: http.StatusNotFound, Message: fmt.Sprintf("unknown account %q", short(name))}
}

func noAccount() *answer.Refusal {
	return &answer.Refusal{Status: http.StatusNotFound, Message: "the call names no account and there is no default account: call /@account/…"}
}

// short bounds what is repeated of a client's own words.
func short(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
