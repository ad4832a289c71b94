package source

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

const (
	maxAnswer = 64 << 10 // bytes; a real one has a few hundred
	maxValue  = 4096     // bytes of a token or ticket; WeChat promises 512
	maxLife   = 7 * 24 * time.Hour
)

// read makes a credential of an answer with status and body, or says why it is
// none. Its errors quote nothing of the body but WeChat's errcode and words.
func (q question) read(status int, body []byte) (token.Fetched, error) {
	if status >= 500 {
		return token.Fetched{}, statusError(status)
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	// Masked before they are cut, lest half a secret be left at the cut, and
	// after, lest one hide behind JSON's escapes.
	a, ok := errcode.Find([]byte(q.mask(string(body))))
	if !ok {
		if a, ok = errcode.Find(body); ok {
			a.Msg = secret.Mask // all of it was withheld
		}
	}
	if ok && a.Code != 0 {
		return token.Fetched{}, &errcode.Error{
			Platform: q.platform, Endpoint: q.endpoint, Code: a.Code, Msg: q.mask(a.Msg), RID: a.RID,
		}
	}
	if status != http.StatusOK {
		return token.Fetched{}, statusError(status)
	}
	var members map[string]json.RawMessage // of doubles the last counts, as with WeChat's own readers
	if json.Unmarshal(body, &members) != nil || members == nil {
		return token.Fetched{}, answerError("not a JSON object")
	}
	value, ok := readValue(members[q.field])
	if !ok {
		return token.Fetched{}, answerError("no usable " + q.field)
	}
	life, ok := readLife(members["expires_in"])
	if !ok {
		return token.Fetched{}, answerError("implausible expires_in")
	}
	return token.Fetched{Value: secret.New(value), ExpiresIn: life}, nil
}

// readValue reads a token or ticket: a string that can be put into a query,
// a header or a signature as it is.
func readValue(raw json.RawMessage) (string, bool) {
	var s string
	if json.Unmarshal(raw, &s) != nil || s == "" || len(s) > maxValue {
		return "", false
	}
	odd := func(r rune) bool { return r <= ' ' || r > '~' }
	return s, strings.IndexFunc(s, odd) < 0
}

// readLife reads expires_in: whole seconds, more than none, at most a week; as
// a number, with or without a fraction of zero, or a string of one.
func readLife(raw json.RawMessage) (time.Duration, bool) {
	var n json.Number
	if json.Unmarshal(raw, &n) != nil || len(n) > 32 {
		return 0, false
	}
	f, err := n.Float64()
	if err != nil || f < 1 || f > maxLife.Seconds() || f != float64(int64(f)) {
		return 0, false
	}
	return time.Duration(f) * time.Second, true
}
