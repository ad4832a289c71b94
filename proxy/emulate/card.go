package emulate

import (
	"net/url"
	"strconv"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// CardAsk is what a page says about a card it wants to hand out or have chosen.
// Any of it may be "".
type CardAsk struct {
	CardID string // the card
	Code   string // its own code, where the merchant gives codes out
	OpenID string // who alone may take it
	ShopID string // wx.chooseCard only: the shop (location_id)
	Type   string // wx.chooseCard only: the type of card, GROUPON …
}

// ParseCardAsk reads a query's cardId, code, openid, shopId and cardType.
func ParseCardAsk(q url.Values) CardAsk {
	return CardAsk{
		CardID: q.Get("cardId"), Code: q.Get("code"), OpenID: q.Get("openid"),
		ShopID: q.Get("shopId"), Type: q.Get("cardType"),
	}
}

// Card is all that wx.addCard and wx.chooseCard want (WeChat docs: JS-SDK,
// appendix 4): for the one
//
//	wx.addCard({cardList: [{cardId: c.cardId, cardExt: c.cardExt}]})
//
// and for the other the rest, by its own names:
//
//	wx.chooseCard({shopId: c.shopId, cardType: c.cardType, cardId: c.cardId,
//		timestamp: c.timestamp, nonceStr: c.nonceStr, signType: c.signType, cardSign: c.cardSign})
type Card struct {
	CardID string `json:"cardId"`
	// CardExt is JSON in a string, as wx.addCard wants it, with the timestamp in
	// quotes, as the documentation has it. Who needs another form makes it of
	// the members that follow.
	CardExt   string `json:"cardExt"`
	Timestamp int64  `json:"timestamp"` // seconds of Unix time
	NonceStr  string `json:"nonceStr"`
	Code      string `json:"code"`
	OpenID    string `json:"openid"`
	Signature string `json:"signature"` // cardExt's
	ShopID    string `json:"shopId"`
	Type      string `json:"cardType"`
	SignType  string `json:"signType"` // always "SHA1"
	CardSign  string `json:"cardSign"` // wx.chooseCard's
}

// NewCard signs ask with the account's wx_card ticket. nonce is [Nonce]'s.
func NewCard(ask CardAsk, appID string, ticket secret.Secret, nonce string, now time.Time) Card {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	signature := CardSign(ticket.Reveal(), timestamp, ask.CardID, ask.Code, ask.OpenID, nonce)
	ext := encode(struct {
		Code      string `json:"code"`
		OpenID    string `json:"openid"`
		Timestamp string `json:"timestamp"`
		NonceStr  string `json:"nonce_str"`
		Signature string `json:"signature"`
	}{ask.Code, ask.OpenID, timestamp, nonce, signature})
	return Card{
		CardID: ask.CardID, CardExt: string(ext), Timestamp: now.Unix(), NonceStr: nonce,
		Code: ask.Code, OpenID: ask.OpenID, Signature: signature, ShopID: ask.ShopID, Type: ask.Type,
		SignType: "SHA1",
		CardSign: CardSign(ticket.Reveal(), appID, ask.ShopID, timestamp, nonce, ask.CardID, ask.Type),
	}
}

// Answer returns c as JSON.
func (c Card) Answer() []byte { return encode(c) }
