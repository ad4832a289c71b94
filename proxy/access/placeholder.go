package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// A placeholder is what a client gets if its SDK insists on an access_token:
//
//	wtp1_ base64url( length of client | client | account | MAC )
//
// The key of the MAC is derived from the account's AppSecret, which only WeChat
// and the proxy know, and the MAC covers the hash of the client's key. So the
// hashes in the config file are not enough to forge one, a new key or AppSecret
// invalidates all older ones, every replica makes the same one each time (SDKs
// compare them), and nothing has to be stored. At most 512 characters of
// [A-Za-z0-9_-] fit the databases of SDKs and their unescaped query strings.
const (
	placeholderPrefix = "wtp1_"
	maxPlaceholder    = len(placeholderPrefix) + (1+2*maxName+sha256.Size)*4/3 + 1
	alphabet          = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

// Claim has the names in a placeholder.
type Claim struct{ Client, Account string }

// Mint returns the placeholder of client for the account with that name and
// AppSecret. Names have at most 63 bytes; the account's is not empty. With the
// zero secret, [Verify] never accepts the result.
func Mint(secret secret.Secret, account string, client *Client) string {
	payload := make([]byte, 0, maxPlaceholder)
	payload = append(payload, byte(len(client.Name)))
	payload = append(payload, client.Name...)
	payload = append(payload, account...)
	return placeholderPrefix + base64.RawURLEncoding.EncodeToString(seal(payload, secret, client))
}

// seal appends the MAC to payload.
func seal(payload []byte, secret secret.Secret, client *Client) []byte {
	// A derived key, so that this MAC is useless for any other use of the
	// AppSecret.
	derive := hmac.New(sha256.New, []byte(secret.Reveal()))
	derive.Write([]byte("wechat-token-proxy placeholder 1"))
	mac := hmac.New(sha256.New, derive.Sum(nil))
	mac.Write(client.key[:]) // of fixed length, so that no byte can pass for part of the names
	mac.Write(payload)
	return mac.Sum(payload)
}

// Parse reads the names in s; ok is false if s does not have the form of a
// placeholder. The names prove nothing until [Verify] accepts s.
func Parse(s string) (c Claim, ok bool) {
	text, ok := strings.CutPrefix(s, placeholderPrefix)
	// The decoder skips newlines, but a placeholder must have only one spelling.
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

// Verify reports whether s is client's placeholder for the account it names,
// whose AppSecret is secret. It compares in constant time.
func Verify(s string, secret secret.Secret, client *Client) bool {
	claim, ok := Parse(s)
	if !ok || secret.IsZero() {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(s), []byte(Mint(secret, claim.Account, client))) == 1
}
