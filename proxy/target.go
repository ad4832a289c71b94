package proxy

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
)

// target is the path of a request.
type target struct {
	account string // after "/@", decoded; "" if the path names none
	path    string // decoded, without empty segments: for rules, routes and the log
	raw     string // the same as the client escaped it: for WeChat
}

// rawPath returns the path as the client wrote it, because net/url would escape
// some characters differently. The path of an absolute URL may be empty.
func rawPath(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if r.URL.Host != "" {
		if _, rest, absolute := strings.Cut(path, "://"); absolute {
			if i := strings.IndexByte(rest, '/'); i >= 0 {
				return rest[i:]
			}
			return "/"
		}
	}
	return path
}

// parsePath reads a path as the client wrote it. It refuses what two parsers
// might read differently: a dot segment, an escaped separator, a backslash or a
// semicolon. WeChat's own paths need none of these.
func parsePath(escaped string) (target, *answer.Refusal) {
	if escaped == "" || escaped[0] != '/' {
		return target{}, malformed("the path does not begin with /")
	}
	raw := collapseSlashes(escaped)
	path, problem := decodePath(raw)
	if problem != "" {
		return target{}, malformed("the path " + problem)
	}
	t := target{path: path, raw: raw}
	if !strings.HasPrefix(path, "/@") {
		return t, nil
	}
	// Escaped slashes are refused, so both forms have the same slashes.
	if t.account, t.path = cutSegment(path[2:]); t.account == "" {
		return target{}, malformed("the path has no account name after /@")
	}
	_, t.raw = cutSegment(raw[1:])
	return t, nil
}

// cutSegment cuts the first segment off a path that begins with it.
func cutSegment(path string) (segment, rest string) {
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, "/"
}

// trimSlash returns a path without the slash at its end.
func trimSlash(path string) string {
	if path == "/" {
		return path
	}
	return strings.TrimSuffix(path, "/")
}

// collapseSlashes replaces several slashes by one: an SDK whose base URL ends in
// a slash sends two.
func collapseSlashes(path string) string {
	if !strings.Contains(path, "//") {
		return path
	}
	b := make([]byte, 0, len(path))
	for i := range len(path) {
		if path[i] != '/' || i == 0 || path[i-1] != '/' {
			b = append(b, path[i])
		}
	}
	return string(b)
}

// decodePath decodes raw, or says what is wrong with it.
func decodePath(raw string) (path, problem string) {
	if strings.ContainsAny(raw, `\;#?`) {
		return "", `contains one of \ ; # ?`
	}
	path = raw
	if strings.IndexByte(raw, '%') >= 0 {
		decoded, err := url.PathUnescape(raw)
		if err != nil {
			return "", "contains an invalid escape"
		}
		if escapesSeparator(raw) || strings.ContainsAny(decoded, `\;#?`) || containsEscape(decoded) {
			return "", `contains an escape of . / \ ; # ? % or a control character`
		}
		path = decoded
	}
	for i := range len(path) {
		if path[i] < ' ' || path[i] == 0x7f {
			return "", "contains a control character"
		}
	}
	for rest := path; rest != ""; {
		var segment string
		segment, rest, _ = strings.Cut(rest, "/")
		if segment == "." || segment == ".." {
			return "", "contains a . or .. segment"
		}
	}
	return path, ""
}

// escapesSeparator reports an escape of a byte that changes what a path means.
func escapesSeparator(raw string) bool {
	for i := 0; i+2 < len(raw); i++ {
		if raw[i] != '%' {
			continue
		}
		switch strings.ToLower(raw[i+1 : i+3]) {
		case "2e", "2f", "5c", "00":
			return true
		}
	}
	return false
}

// containsEscape reports an escape. In a decoded path it was escaped twice.
func containsEscape(s string) bool {
	for i := 0; i+2 < len(s); i++ {
		if s[i] == '%' && isHex(s[i+1]) && isHex(s[i+2]) {
			return true
		}
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// malformed refuses a call that is wrong in itself.
func malformed(message string) *answer.Refusal {
	return &answer.Refusal{Status: http.StatusBadRequest, Message: message}
}

// maxParams is the most parameters of a query: WeChat's longest has a dozen.
const maxParams = 1000

// query is the query of a request.
type query struct {
	raw         string // as the client wrote it
	accessToken string // the first one that is not empty, decoded
	fromAppID   string
	appID       string // appid, or WeCom's corpid
	secret      string // secret, or WeCom's corpsecret
	conflict    bool   // appID or secret has two different values
}

// Names of parameters that mean something to the proxy.
const (
	paramAccessToken = "access_token"
	paramFromAppID   = "from_appid"
	paramAppID       = "appid"
	paramSecret      = "secret"
	paramCorpID      = "corpid"
	paramCorpSecret  = "corpsecret"
)

// parseQuery reads a query strictly. It refuses what net/http's parser drops
// silently: parameters with a semicolon or an invalid escape.
func parseQuery(raw string) (query, *answer.Refusal) {
	q := query{raw: raw}
	if raw == "" {
		return q, nil
	}
	if strings.Count(raw, "&") >= maxParams {
		return q, malformed("the query has more than 1000 parameters")
	}
	if i := strings.IndexAny(raw, ";#"); i >= 0 {
		return q, malformed("the query contains " + raw[i:i+1] + ": escape it, or use & between parameters")
	}
	for rest := raw; rest != ""; {
		var param string
		param, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(param, "=")
		if !validEscapes(param) {
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
			q.conflict = q.conflict || q.appID != "" && unescape(value) != q.appID
			setFirst(&q.appID, value)
		case name == paramSecret || name == paramCorpSecret:
			q.conflict = q.conflict || q.secret != "" && unescape(value) != q.secret
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

// validEscapes reports whether two hex digits follow every %.
func validEscapes(s string) bool {
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

// unescape decodes a part of a query whose escapes are valid.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	s, _ = url.QueryUnescape(s)
	return s
}

// removeParams returns a query without the parameters whose name drop reports.
// The others keep their bytes and their order. It allocates only if there is
// something to drop.
func removeParams(raw string, drop func(name string) bool) string {
	var b []byte
	copying, some, start := false, false, 0 // some: the result has a parameter already
	for start <= len(raw) {
		end := strings.IndexByte(raw[start:], '&')
		if end < 0 {
			end = len(raw)
		} else {
			end += start
		}
		name, _, _ := strings.Cut(raw[start:end], "=")
		switch dropped := drop(unescape(name)); {
		case dropped && !copying:
			copying, some = true, start > 0
			b = append(make([]byte, 0, len(raw)), raw[:max(0, start-1)]...)
		case !dropped && copying:
			if some {
				b = append(b, '&')
			}
			b = append(b, raw[start:end]...)
			some = true
		}
		start = end + 1
	}
	if !copying {
		return raw
	}
	return string(b)
}

// addParam returns a query with one more parameter at its end.
func addParam(query, name, value string) string {
	value = url.QueryEscape(value)
	if query == "" || strings.HasSuffix(query, "&") {
		return query + name + "=" + value
	}
	return query + "&" + name + "=" + value
}
