package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// A placeholder is what a client gets where its SDK insists on an access_token:
//
//	wtp1_ base64url( length of client | client | account | MAC )
//
// The MAC is keyed with the account's AppSecret, which WeChat and the proxy
// alone know, and covers the hash of the client's key. So the config file's
// hashes forge nothing, a new key or a new AppSecret ends all placeholders made
// with the old, every replica makes the same one at every fetch (SDKs compare
// them), and nothing has to be stored. 512 characters and [A-Za-z0-9_-] are
// what SDKs' databases and their unescaped query strings can take.
const (
	placeholderPrefix = "wtp1_"
	maxPlaceholder    = len(placeholderPrefix) + (1+2*maxName+sha256.Size)*4/3 + 1
	alphabet          = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

// Claim is what a placeholder says of itself.
type Claim struct{ Client, Account string }

// Mint returns the placeholder of client for the account of that name, whose
// AppSecret is secret. Names are of at most 63 bytes, the account's never
// empty. A zero secret makes one that nobody accepts.
func Mint(secret secret.Secret, account string, client *Client) string {
	payload := make([]byte, 0, maxPlaceholder)
	payload = append(payload, byte(len(client.Name)))
	payload = append(payload, client.Name...)
	payload = append(payload, account...)
	return placeholderPrefix + base64.RawURLEncoding.EncodeToString(seal(payload, secret, client))
}

// seal appends the MAC to payload.
func seal(payload []byte, secret secret.Secret, client *Client) []byte {
	// A key of its own: what is made with the AppSecret here must be of no use
	// to whatever else is made with it.
	derive := hmac.New(sha256.New, []byte(secret.Reveal()))
	derive.Write([]byte("wechat-token-proxy placeholder 1"))
	mac := hmac.New(sha256.New, derive.Sum(nil))
	mac.Write(client.key[:]) // of fixed length, so that nothing can move over to the names
	mac.Write(payload)
	return mac.Sum(payload)
}

// Parse reads what s claims to stand for; not ok: s is no placeholder. A claim
// proves nothing, see [Verify].
func Parse(s string) (c Claim, ok bool) {
	text, ok := strings.CutPrefix(s, placeholderPrefix)
	// The decoder skips newlines; there must be one way only to write a placeholder.
	if !ok || len(s) > maxPlaceholder || strings.Trim(text, alphabet) != "" {
		return Claim{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 1+sha256.Size {
		return Claim{}, false
	}
	n, names := int(b[0]), string(b[1:len(b)-sha256.Size])
	if n > maxName || n >= len(names) || len(names)-n > maxName {
		return Claim{}, false
	}
	return Claim{Client: names[:n], Account: names[n:]}, true
}

// Verify reports whether s is client's placeholder for the account it claims,
// whose AppSecret is secret. It compares in constant time.
func Verify(s string, secret secret.Secret, client *Client) bool {
	claim, ok := Parse(s)
	if !ok || secret.IsZero() {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(s), []byte(Mint(secret, claim.Account, client))) == 1
}
