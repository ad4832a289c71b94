package proxy

import (
	"net/url"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
)

// maxPairs bounds a query: WeChat's longest has a dozen parameters.
const maxPairs = 1000

// query is what a client's query says, and what is left of it for WeChat.
type query struct {
	raw         string // the client's own bytes
	accessToken string // the first that is not empty, decoded
	fromAppID   string
	appID       string // appid, or WeCom's corpid
	secret      string // secret, or WeCom's corpsecret
	twice       bool   // one of these two is given twice, and differently
}

// Names of parameters that mean something to us.
const (
	paramAccessToken = "access_token"
	paramFromAppID   = "from_appid"
	paramAppID       = "appid"
	paramSecret      = "secret"
	paramCorpID      = "corpid"
	paramCorpSecret  = "corpsecret"
)

// parseQuery reads a query strictly. A semicolon, a bad escape, a # or too
// many pairs are errors: net/http's own parser would lose parameters.
func parseQuery(raw string) (query, *answer.Refusal) {
	q := query{raw: raw}
	if raw == "" {
		return q, nil
	}
	if strings.Count(raw, "&") >= maxPairs {
		return q, malformed("the query has more than 1000 parameters")
	}
	if i := strings.IndexAny(raw, ";#"); i >= 0 {
		return q, malformed("the query contains " + raw[i:i+1] + ": escape it, or use & between parameters")
	}
	for rest := raw; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(pair, "=")
		if !escapesWell(pair) {
			return q, malformed("the query contains an invalid escape")
		}
		switch name = unescape(name); {
		case isAccessToken(name):
			setFirst(&q.accessToken, value)
		case name == paramFromAppID:
			if v := unescape(value); q.fromAppID != "" && v != q.fromAppID {
				return q, malformed("from_appid has two different values")
			}
			setFirst(&q.fromAppID, value)
		case name == paramAppID || name == paramCorpID:
			q.twice = q.twice || q.appID != "" && unescape(value) != q.appID
			setFirst(&q.appID, value)
		case name == paramSecret || name == paramCorpSecret:
			q.twice = q.twice || q.secret != "" && unescape(value) != q.secret
			setFirst(&q.secret, value)
		}
	}
	return q, nil
}

func setFirst(field *string, escaped string) {
	if *field == "" {
		*field = unescape(escaped)
	}
}

// escapesWell reports whether every % is followed by two hex digits.
func escapesWell(s string) bool {
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			return true
		}
		if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
			return false
		}
		s = s[i+3:]
	}
}

// unescape decodes what escapesWell let through.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	s, _ = url.QueryUnescape(s)
	return s
}

// without returns the query's bytes and order as they were, less the pairs
// whose name ours reports. It allocates only where there is one.
func without(raw string, ours func(name string) bool) string {
	var kept []byte
	copying, some, start := false, false, 0 // some: something is kept already
	for start <= len(raw) {
		end := strings.IndexByte(raw[start:], '&')
		if end < 0 {
			end = len(raw)
		} else {
			end += start
		}
		name, _, _ := strings.Cut(raw[start:end], "=")
		switch drop := ours(unescape(name)); {
		case drop && !copying:
			copying, some = true, start > 0
			kept = append(make([]byte, 0, len(raw)), raw[:max(0, start-1)]...)
		case !drop && copying:
			if some {
				kept = append(kept, '&')
			}
			kept = append(kept, raw[start:end]...)
			some = true
		}
		start = end + 1
	}
	if !copying {
		return raw
	}
	return string(kept)
}
