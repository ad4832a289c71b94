package emulate

import (
	"net/http"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// PlaceholderLife is the expires_in of a placeholder, in seconds: WeChat's own.
// A placeholder outlives it. Some SDKs subtract up to 1,500 s and fail if
// nothing is left (observed in the field), so it is never less.
const PlaceholderLife = 7200

// TokenAsk is a request for a token.
type TokenAsk struct {
	// Platform is WeCom for /cgi-bin/gettoken, else MP.
	Platform errcode.Platform
	// AppID is the appid or corpid; "": none was said.
	AppID string
	// Secret is what the client has for a secret: its client key.
	Secret secret.Secret
}

// ParseTokenAsk reads a request to /cgi-bin/token, /cgi-bin/stable_token or
// WeCom's /cgi-bin/gettoken, whose whole body is body. GET and POST, query,
// form and JSON are understood on each of them; whatever else is asked for
// (grant_type, force_refresh) is ignored. The error is an *answer.Refusal.
func ParseTokenAsk(r *http.Request, body []byte) (TokenAsk, error) {
	ask := TokenAsk{Platform: errcode.MP}
	id, secretName := "appid", "secret"
	if strings.HasSuffix(r.URL.Path, "/gettoken") {
		ask.Platform, id, secretName = errcode.WeCom, "corpid", "corpsecret"
	}
	p, err := readParams(r, body)
	if err != nil {
		return TokenAsk{}, err
	}
	if ask.AppID, err = p.one(id); err != nil {
		return TokenAsk{}, err
	}
	key, err := p.one(secretName)
	if err != nil {
		return TokenAsk{}, err
	}
	ask.Secret = secret.New(key)
	return ask, nil
}

// TokenAnswer is the answer that gives a token for expiresIn seconds: of
// exactly the members that WeChat's has on that platform.
func TokenAnswer(token string, expiresIn int, platform errcode.Platform) []byte {
	type given struct {
		Token     string `json:"access_token"`
		ExpiresIn int    `json:"expires_in"`
	}
	if platform == errcode.WeCom {
		return encode(struct {
			success
			given
		}{ok(), given{token, expiresIn}})
	}
	return encode(given{token, expiresIn})
}

// RealLife is the expires_in of a real token that lives on for left: whole
// seconds, rounded down, never negative.
func RealLife(left time.Duration) int { return int(max(0, left) / time.Second) }
