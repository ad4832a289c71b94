package source

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Ticket returns the source of a ticket, which is fetched with tok's
// access_token ("JS-SDK" in WeChat's docs, appendix 1 on jsapi_ticket; "Get
// jsapi_ticket" in WeCom's). A token that WeChat rejects is reported to tok
// and the ticket asked for again as tok says, three times at most. A kind that
// the platform has not is an error at every fetch.
func (c *Client) Ticket(tok *token.Keeper, p errcode.Platform, kind token.Kind) token.Source {
	return token.SourceFunc(func(ctx context.Context, _ token.FetchRequest) (token.Fetched, error) {
		path, query, ok := ticketCall(p, kind)
		if !ok {
			return token.Fetched{}, fmt.Errorf("there is no ticket of type %q at %s", kind, p)
		}
		u, err := tok.Use(ctx)
		if err != nil {
			// The token's trouble is not the ticket's: WeChat said no such thing
			// about tickets, so the error is passed on as words only.
			return token.Fetched{}, fmt.Errorf("get the access_token for a ticket: %s", err)
		}
		for {
			query.Set("access_token", u.Value().Reveal())
			u.Sending()
			got, _, err := c.ask(ctx, question{
				platform: p, endpoint: errcode.API, path: path, query: query,
				field: "ticket", secrets: forms(u.Value()),
			})
			var said *errcode.Error
			switch {
			case err == nil:
				u.Accepted()
				return got, nil
			case !errors.As(err, &said), said.Verdict() != errcode.Renew, !u.Rejected(ctx, said.Code):
				return token.Fetched{}, err
			}
		}
	})
}

// ticketCall returns the call that fetches a kind of ticket.
func ticketCall(p errcode.Platform, kind token.Kind) (path string, query url.Values, ok bool) {
	const mp = "/cgi-bin/ticket/getticket"
	switch {
	case p == errcode.MP && (kind == token.JSAPI || kind == token.WXCard):
		return mp, url.Values{"type": {string(kind)}}, true
	case p == errcode.MP && kind == token.SDK:
		return mp, url.Values{"type": {"2"}}, true
	case p == errcode.WeCom && kind == token.JSAPI:
		return "/cgi-bin/get_jsapi_ticket", url.Values{}, true
	case p == errcode.WeCom && kind == token.AgentConfig:
		return "/cgi-bin/ticket/get", url.Values{"type": {string(kind)}}, true
	}
	return "", nil, false
}
