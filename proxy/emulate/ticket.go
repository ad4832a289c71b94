package emulate

import (
	"net/http"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// TicketKind says which ticket r, a GET or POST to path whose whole body is
// body, asks for: on MP /cgi-bin/ticket/getticket?type=jsapi|wx_card|2, jsapi
// where no type is given; on WeCom /cgi-bin/get_jsapi_ticket and
// /cgi-bin/ticket/get?type=agent_config. path is decoded and collapsed, without
// an account before it. The error is an *answer.Refusal.
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
		return "", malformed("there are no tickets on this platform")
	}
}

func mpTicket(path, typ string) (token.Kind, error) {
	if path != "/cgi-bin/ticket/getticket" {
		return "", malformed("an official account's tickets are at /cgi-bin/ticket/getticket")
	}
	switch typ {
	case "", "jsapi":
		return token.JSAPI, nil
	case "wx_card":
		return token.WXCard, nil
	case "2", "sdk":
		return token.SDK, nil
	}
	return "", malformed("type is none of jsapi, wx_card, 2")
}

func weComTicket(path, typ string) (token.Kind, error) {
	switch {
	case path == "/cgi-bin/get_jsapi_ticket":
		return token.JSAPI, nil
	case path != "/cgi-bin/ticket/get":
		return "", malformed("a WeCom agent's tickets are at /cgi-bin/get_jsapi_ticket and /cgi-bin/ticket/get")
	case typ != "agent_config":
		return "", malformed("type is not agent_config")
	}
	return token.AgentConfig, nil
}

// TicketAnswer is the answer that gives a ticket for expiresIn seconds.
func TicketAnswer(value string, expiresIn int) []byte {
	return encode(struct {
		success
		Ticket    string `json:"ticket"`
		ExpiresIn int    `json:"expires_in"`
	}{ok(), value, expiresIn})
}

// minTicketLife keeps an SDK from asking again at once.
const minTicketLife = 60

// TicketLife is the expires_in of c at now, in seconds. It counts from when this
// very value was first seen: WeChat says 7200 of a ticket at every fetch,
// however old it is (observed in the field). At least 60, at most what WeChat
// said.
func TicketLife(c token.Credential, now time.Time) int {
	left := min(c.FirstSeenAt.Add(c.ExpiresIn).Sub(now), c.ExpiresIn)
	return max(minTicketLife, RealLife(left))
}
