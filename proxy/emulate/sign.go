package emulate

import (
	"crypto/rand"
	"crypto/sha1" // WeChat's choice
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// Nonce returns a fresh random nonceStr: 26 letters and digits.
func Nonce() string { return rand.Text() }

// Sign is the signature of wx.config and, with an agent's ticket, of
// wx.agentConfig for the page at pageURL (WeChat docs: JS-SDK, appendix 1).
// timestamp is in seconds of Unix time. pageURL goes in byte for byte, see
// [PageURL].
func Sign(ticket, nonce string, timestamp int64, pageURL string) string {
	return sha1Hex("jsapi_ticket=" + ticket + "&noncestr=" + nonce +
		"&timestamp=" + strconv.FormatInt(timestamp, 10) + "&url=" + pageURL)
}

// CardSign is a card's signature over values, its api_ticket among them: they
// are sorted and joined (WeChat docs: JS-SDK, appendix 4). Empty ones change
// nothing.
func CardSign(values ...string) string {
	return sha1Hex(strings.Join(slices.Sorted(slices.Values(values)), ""))
}

func sha1Hex(s string) string {
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}
