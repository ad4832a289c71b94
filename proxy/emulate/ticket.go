package emulate

import (
	"net/http"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// TicketKind returns the ticket that r, a GET or POST with the given body, asks
// for. MP has /cgi-bin/ticket/getticket?type=jsapi|wx_card|2, with jsapi as the
// default; WeCom has /cgi-bin/get_jsapi_ticket and
// /cgi-bin/ticket/get?type=agent_config. path is decoded and collapsed, without
// the account. The error is an *answer.Refusal.
func TicketKind(platform errcode.Platform, path string, r *http.Request, body []byte) (token.Kind, error) {
	p, err := readParams(r, body)
	if err != nil {
		return "", err
	}
	typ, err := p.one("type")
	if err != nil {
		return "", err
	}
	switch platform {
	case errcode.MP:
		return mpTicket(path, typ)
	case errcode.WeCom:
		return weComTicket(path, typ)
	default:
		return "", malformed("this platform has no tickets")
	}
}

func mpTicket(path, typ string) (token.Kind, error) {
	if path != "/cgi-bin/ticket/getticket" {
		return "", malformed("tickets of an official account are at /cgi-bin/ticket/getticket")
	}
	switch typ {
	case "", "jsapi":
		return token.JSAPI, nil
	case "wx_card":
		return token.WXCard, nil
	case "2", "sdk":
		return token.SDK, nil
	}
	return "", malformed("type must be jsapi, wx_card or 2")
}

func weComTicket(path, typ string) (token.Kind, error) {
	switch {
	case path == "/cgi-bin/get_jsapi_ticket":
		return token.JSAPI, nil
	case path != "/cgi-bin/ticket/get":
		return "", malformed("tickets of a WeCom agent are at /cgi-bin/get_jsapi_ticket and /cgi-bin/ticket/get")
	case typ != "agent_config":
		return "", malformed("type must be agent_config")
	}
	return token.AgentConfig, nil
}

// TicketAnswer returns the answer with a ticket that is valid for expiresIn
// seconds.
func TicketAnswer(value string, expiresIn int) []byte {
	return encode(struct {
		success
		Ticket    string `json:"ticket"`
		ExpiresIn int    `json:"expires_in"`
	}{ok(), value, expiresIn})
}

// minTicketLife, in seconds, keeps an SDK from asking again at once.
const minTicketLife = 60

// TicketLife returns the expires_in of c at now, in seconds: at least 60, at most
// what WeChat said. It counts from when this value was first seen, because
// WeChat says 7200 at every fetch, however old the ticket is (observed in the
// field).
func TicketLife(c token.Credential, now time.Time) int {
	left := min(c.FirstSeenAt.Add(c.ExpiresIn).Sub(now), c.ExpiresIn)
	return max(minTicketLife, RealLife(left))
}
