package emulate

import (
	"crypto/rand"
	"crypto/sha1" // WeChat's choice
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// Nonce returns a new random nonceStr of 26 letters and digits.
func Nonce() string { return rand.Text() }

// JSConfig has the parameters of wx.config, under its names (WeChat docs:
// JS-SDK, step 3). The signature covers only the URL of the page; the lists are
// passed through.
type JSConfig struct {
	AppID       string   `json:"appId"`     // for WeCom the corpid
	Timestamp   int64    `json:"timestamp"` // Unix time in seconds
	NonceStr    string   `json:"nonceStr"`
	Signature   string   `json:"signature"`
	JsAPIList   []string `json:"jsApiList,omitempty"`
	OpenTagList []string `json:"openTagList,omitempty"`
}

// NewJSConfig signs for the page at pageURL, a result of [PageURL]. nonce is a
// result of [Nonce].
func NewJSConfig(appID string, ticket secret.Secret, pageURL, nonce string, now time.Time) JSConfig {
	return JSConfig{
		AppID: appID, Timestamp: now.Unix(), NonceStr: nonce,
		Signature: Sign(ticket.Reveal(), nonce, now.Unix(), pageURL),
	}
}

// Answer returns c as JSON.
func (c JSConfig) Answer() []byte { return encode(c) }

// Sign returns the signature of wx.config and, with an agent's ticket, of
// wx.agentConfig, for the page at pageURL (WeChat docs: JS-SDK, appendix 1).
// timestamp is Unix time in seconds. pageURL is signed byte for byte, see
// [PageURL].
func Sign(ticket, nonce string, timestamp int64, pageURL string) string {
	return sha1Hex("jsapi_ticket=" + ticket + "&noncestr=" + nonce +
		"&timestamp=" + strconv.FormatInt(timestamp, 10) + "&url=" + pageURL)
}

// CardRequest is what a page says about a card to add or to choose. Every field
// may be empty.
type CardRequest struct {
	CardID string // the card
	Code   string // its own code, if the merchant issues the codes
	OpenID string // the only user who may take it
	ShopID string // for wx.chooseCard: the shop (location_id)
	Type   string // for wx.chooseCard: the type of card, for example GROUPON
}

// ParseCardRequest reads cardId, code, openid, shopId and cardType from a query.
func ParseCardRequest(q url.Values) CardRequest {
	return CardRequest{
		CardID: q.Get("cardId"), Code: q.Get("code"), OpenID: q.Get("openid"),
		ShopID: q.Get("shopId"), Type: q.Get("cardType"),
	}
}

// Card has the parameters of both wx.addCard and wx.chooseCard (WeChat docs:
// JS-SDK, appendix 4). wx.addCard takes the first two:
//
//	wx.addCard({cardList: [{cardId: c.cardId, cardExt: c.cardExt}]})
//
// wx.chooseCard takes the rest, under its own names:
//
//	wx.chooseCard({shopId: c.shopId, cardType: c.cardType, cardId: c.cardId,
//		timestamp: c.timestamp, nonceStr: c.nonceStr, signType: c.signType, cardSign: c.cardSign})
type Card struct {
	CardID string `json:"cardId"`
	// CardExt is JSON in a string, as wx.addCard wants it, with the timestamp in
	// quotes, as documented. A page that needs another form can build it from the
	// fields below.
	CardExt   string `json:"cardExt"`
	Timestamp int64  `json:"timestamp"` // Unix time in seconds
	NonceStr  string `json:"nonceStr"`
	Code      string `json:"code"`
	OpenID    string `json:"openid"`
	Signature string `json:"signature"` // the one in cardExt
	ShopID    string `json:"shopId"`
	Type      string `json:"cardType"`
	SignType  string `json:"signType"` // always "SHA1"
	CardSign  string `json:"cardSign"` // for wx.chooseCard
}

// NewCard signs req with the account's wx_card ticket. nonce is a result of
// [Nonce].
func NewCard(req CardRequest, appID string, ticket secret.Secret, nonce string, now time.Time) Card {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	signature := CardSign(ticket.Reveal(), timestamp, req.CardID, req.Code, req.OpenID, nonce)
	ext := encode(struct {
		Code      string `json:"code"`
		OpenID    string `json:"openid"`
		Timestamp string `json:"timestamp"`
		NonceStr  string `json:"nonce_str"`
		Signature string `json:"signature"`
	}{req.Code, req.OpenID, timestamp, nonce, signature})
	return Card{
		CardID: req.CardID, CardExt: string(ext), Timestamp: now.Unix(), NonceStr: nonce,
		Code: req.Code, OpenID: req.OpenID, Signature: signature, ShopID: req.ShopID, Type: req.Type,
		SignType: "SHA1",
		CardSign: CardSign(ticket.Reveal(), appID, req.ShopID, timestamp, nonce, req.CardID, req.Type),
	}
}

// Answer returns c as JSON.
func (c Card) Answer() []byte { return encode(c) }

// CardSign returns the signature of a card over values, one of which is the
// wx_card ticket, sorted and joined (WeChat docs: JS-SDK, appendix 4). Empty
// values make no difference.
func CardSign(values ...string) string {
	return sha1Hex(strings.Join(slices.Sorted(slices.Values(values)), ""))
}

func sha1Hex(s string) string {
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}
