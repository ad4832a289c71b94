package emulate

import (
	"net/http"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// PlaceholderLife is the expires_in of a placeholder in seconds, the same as
// WeChat's. The placeholder stays valid for longer. It is never less, because
// some SDKs subtract up to 1,500 s and fail if nothing is left (observed in the
// field).
const PlaceholderLife = 7200

// TokenRequest is a request for a token.
type TokenRequest struct {
	// Platform is WeCom for /cgi-bin/gettoken, otherwise MP.
	Platform errcode.Platform
	// AppID is the appid or corpid; "" if there is none.
	AppID string
	// Secret is what the client sends as its secret: its client key.
	Secret secret.Secret
}

// ParseTokenRequest reads a request with the given body to /cgi-bin/token,
// /cgi-bin/stable_token or WeCom's /cgi-bin/gettoken. All of them accept GET and
// POST, with a query, a form or JSON. Other parameters, such as grant_type and
// force_refresh, are ignored. The error is an *answer.Refusal.
func ParseTokenRequest(r *http.Request, body []byte) (TokenRequest, error) {
	req := TokenRequest{Platform: errcode.MP}
	id, secretName := "appid", "secret"
	if strings.HasSuffix(r.URL.Path, "/gettoken") {
		req.Platform, id, secretName = errcode.WeCom, "corpid", "corpsecret"
	}
	p, err := readParams(r, body)
	if err != nil {
		return TokenRequest{}, err
	}
	if req.AppID, err = p.one(id); err != nil {
		return TokenRequest{}, err
	}
	key, err := p.one(secretName)
	if err != nil {
		return TokenRequest{}, err
	}
	req.Secret = secret.New(key)
	return req, nil
}

// TokenAnswer returns the answer with a token that is valid for expiresIn
// seconds. It has the same members as WeChat's answer on that platform.
func TokenAnswer(token string, expiresIn int, platform errcode.Platform) []byte {
	type issued struct {
		Token     string `json:"access_token"`
		ExpiresIn int    `json:"expires_in"`
	}
	if platform == errcode.WeCom {
		return encode(struct {
			success
			issued
		}{ok(), issued{token, expiresIn}})
	}
	return encode(issued{token, expiresIn})
}

// RealLife returns the expires_in of a real token that is valid for left: in
// seconds, rounded down, not negative.
func RealLife(left time.Duration) int { return int(max(0, left) / time.Second) }
