package proxy

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
)

// target is a request's path, taken apart.
type target struct {
	account string // behind "/@", decoded; "" where the path names none
	path    string // decoded, // collapsed: what policy, routes and logs go by
	raw     string // the same in the client's own bytes: what WeChat gets
}

// rawPath is the path as the client wrote it, byte for byte; net/url would
// escape some of it anew. An absolute form may have none.
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

// parsePath takes apart the path as the client wrote it. What could be
// understood in two ways is an error: a dot segment, an escape that hides a
// character with a meaning, a backslash or a semicolon. WeChat's own paths
// need none of these.
func parsePath(escaped string) (target, *answer.Refusal) {
	if escaped == "" || escaped[0] != '/' {
		return target{}, malformed("the path does not begin with /")
	}
	raw := collapse(escaped)
	path, err := decodePath(raw)
	if err != "" {
		return target{}, malformed("the path " + err)
	}
	t := target{path: path, raw: raw}
	if !strings.HasPrefix(path, "/@") {
		return t, nil
	}
	name, _, _ := strings.Cut(path[2:], "/")
	if name == "" {
		return target{}, malformed("the path has no account name after /@")
	}
	// An escaped slash was refused: both forms have their slashes in step.
	_, rest, _ := strings.Cut(raw[1:], "/")
	return target{account: name, path: path[2+len(name):] + root(path[2+len(name):]), raw: "/" + rest}, nil
}

// root is the slash that "/@shop" lacks.
func root(rest string) string {
	if rest == "" {
		return "/"
	}
	return ""
}

// withoutSlash is a collapsed path without the slash at its end.
func withoutSlash(path string) string {
	if path == "/" {
		return path
	}
	return strings.TrimSuffix(path, "/")
}

// collapse makes one slash of several: an SDK whose base URL ends in one sends
// two (WxJava's documented setting does).
func collapse(path string) string {
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
func decodePath(raw string) (path, wrong string) {
	if strings.ContainsAny(raw, `\;#?`) {
		return "", `contains one of \ ; # ?`
	}
	path = raw
	if strings.IndexByte(raw, '%') >= 0 {
		decoded, err := url.PathUnescape(raw)
		if err != nil {
			return "", "contains an invalid escape"
		}
		if hidesMeaning(raw) || strings.ContainsAny(decoded, `\;#?`) || twiceEscaped(decoded) {
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

// hidesMeaning reports an escape of a byte that changes what a path means.
func hidesMeaning(raw string) bool {
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

// twiceEscaped reports an escape that is left after decoding once.
func twiceEscaped(decoded string) bool {
	for i := 0; i+2 < len(decoded); i++ {
		if decoded[i] == '%' && isHex(decoded[i+1]) && isHex(decoded[i+2]) {
			return true
		}
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// malformed refuses a call that cannot be understood in one way only.
func malformed(what string) *answer.Refusal {
	return &answer.Refusal{Status: http.StatusBadRequest, Message: what}
}
