package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// The kinds of accounts, and the token API that is not the usual one, as the
// config file writes them.
const (
	KindOfficial   = "official"
	KindWeCom      = "wecom"
	TokenAPILegacy = "legacy"
)

// Account is what the operator says about one account.
type Account struct {
	Name     string
	Kind     string // [KindOfficial] or [KindWeCom]
	AppID    string // for WeCom the corpid
	AgentID  int    // for WeCom only
	TokenAPI string // [TokenAPILegacy], or else the stable one; WeCom has only one
	Secret   secret.Secret
	Tickets  []string // kinds of tickets that are fetched at the start; others when first asked for
}

// Platform returns whose account it is.
func (a Account) Platform() errcode.Platform {
	if a.Kind == KindWeCom {
		return errcode.WeCom
	}
	return errcode.MP
}

// ID returns what tells the account from all others, as [token.Account] wants
// it: the appid, or for WeCom the corpid and the agent.
func (a Account) ID() string {
	if a.Kind == KindWeCom {
		return a.AppID + "-" + strconv.Itoa(a.AgentID)
	}
	return a.AppID
}

// Fingerprint changes whenever the source of the account's token does. It does
// not reveal the secret.
func (a Account) Fingerprint() string {
	sum := sha256.Sum256([]byte(a.Kind + "\x00" + a.AppID + "\x00" + strconv.Itoa(a.AgentID) + "\x00" + a.TokenAPI + "\x00" + a.Secret.Reveal()))
	return hex.EncodeToString(sum[:])
}

// Credentials returns the account's token and tickets, to be fetched by c; the
// token comes first. keeper is usually [token.Manager.Keeper]: a ticket is
// fetched with the account's own token.
func (c *Client) Credentials(a Account, keeper func(account string, kind token.Kind) *token.Keeper) token.Account {
	t := token.Spec{Kind: token.AccessToken, Eager: true, Fingerprint: a.Fingerprint()}
	switch {
	case a.Kind == KindWeCom:
		t.Source, t.Schedule = c.WeCom(a.AppID, a.Secret), token.WeComSchedule()
	case a.TokenAPI == TokenAPILegacy:
		t.Source, t.Schedule = c.Legacy(a.AppID, a.Secret), token.LegacySchedule()
	default:
		t.Source, t.Schedule = c.Stable(a.AppID, a.Secret), token.StableSchedule()
	}
	credentials := []token.Spec{t}
	for _, kind := range a.ticketKinds() {
		credentials = append(credentials, token.Spec{
			Kind: kind, Source: c.ticketOf(a, kind, keeper), Schedule: token.TicketSchedule(),
			Eager: slices.Contains(a.Tickets, string(kind)), Fingerprint: a.ID(),
		})
	}
	return token.Account{Name: a.Name, ID: a.ID(), Credentials: credentials}
}

func (a Account) ticketKinds() []token.Kind {
	if a.Kind == KindWeCom {
		return []token.Kind{token.JSAPI, token.AgentConfig}
	}
	return []token.Kind{token.JSAPI, token.WXCard, token.SDK}
}

// ticketOf looks up the token's keeper at each fetch: there is none before the
// account is set, nor after it was removed.
func (c *Client) ticketOf(a Account, kind token.Kind, keeper func(string, token.Kind) *token.Keeper) token.Source {
	return token.SourceFunc(func(ctx context.Context, r token.FetchRequest) (token.Fetched, error) {
		k := keeper(a.Name, token.AccessToken)
		if k == nil {
			return token.Fetched{}, token.ErrUnknown
		}
		return c.Ticket(k, a.Platform(), kind).Fetch(ctx, r)
	})
}
