package emulate

import (
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// JSConfig is what wx.config wants, under the names it wants it by (WeChat docs:
// JS-SDK, step 3). What it signs is the page's URL alone; the lists are only
// handed through.
type JSConfig struct {
	AppID       string   `json:"appId"`     // a corpid on WeCom
	Timestamp   int64    `json:"timestamp"` // seconds of Unix time
	NonceStr    string   `json:"nonceStr"`
	Signature   string   `json:"signature"`
	JsAPIList   []string `json:"jsApiList,omitempty"`
	OpenTagList []string `json:"openTagList,omitempty"`
}

// NewJSConfig signs the page at pageURL, which is [PageURL]'s. nonce is
// [Nonce]'s.
func NewJSConfig(appID string, ticket secret.Secret, pageURL, nonce string, now time.Time) JSConfig {
	return JSConfig{
		AppID: appID, Timestamp: now.Unix(), NonceStr: nonce,
		Signature: Sign(ticket.Reveal(), nonce, now.Unix(), pageURL),
	}
}

// Answer returns c as JSON.
func (c JSConfig) Answer() []byte { return encode(c) }
