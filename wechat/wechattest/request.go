package wechattest

import (
	"crypto/sha256"
	"encoding/json"
	"hash"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

const (
	maxHead = 4 << 10 // bytes of a body that the journal keeps
	maxJSON = 1 << 20 // a longer JSON body is answered 45002
)

// request is one call on its way through the server.
type request struct {
	r        *http.Request
	platform errcode.Platform // whose host was called
	group    group
	now      time.Time
	path     string
	query    url.Values // without the pairs that cannot be decoded
	token    string     // the access_token, the first of several
	tokens   int        // how many access_tokens came, in any spelling
	ip       netip.Addr
	body     *bodyRecorder
	call     *Call
	trouble  Trouble
	early    bool         // answered before the body is read
	acct     *account     // whose token or secret came, once that is known
	user     *issuedToken // the user's token that came, in userGroup
	kinds    []string     // the counters that counted the arrival

	exactName bool // the first access_token was spelled exactly so
}

func newRequest(r *http.Request, p errcode.Platform, now time.Time) *request {
	q := &request{r: r, platform: p, group: groupOf(p, r.URL.Path), now: now, path: r.URL.Path, body: &bodyRecorder{from: r.Body}}
	q.query, _ = url.ParseQuery(r.URL.RawQuery)
	for _, p := range tokenParams(r.URL.RawQuery) {
		if q.tokens++; q.tokens == 1 {
			q.token, q.exactName = p.value, p.name == "access_token"
		}
	}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		q.ip = ap.Addr().Unmap()
	}
	q.call = &Call{
		At: now, Platform: p, Method: r.Method, Path: r.URL.Path, RawPath: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery,
		Host: r.Host, Header: r.Header.Clone(), Token: q.token,
		Chunked: slices.Contains(r.TransferEncoding, "chunked"),
		BodySum: sha256.Sum256(nil),
	}
	return q
}

// pair is one name and value of a query.
type pair struct{ name, value string }

// tokenParams returns the parameters that some parser may take for an
// access_token, in any letter case and escaping.
func tokenParams(rawQuery string) []pair {
	var found []pair
	for part := range strings.SplitSeq(rawQuery, "&") {
		name, value, _ := strings.Cut(part, "=")
		if name = unescape(name); strings.EqualFold(strings.TrimSpace(name), "access_token") {
			found = append(found, pair{name, unescape(value)})
		}
	}
	return found
}

// withoutToken returns the query without its access_tokens, otherwise unchanged.
func withoutToken(rawQuery string) string {
	var keep []string
	for part := range strings.SplitSeq(rawQuery, "&") {
		if len(tokenParams(part)) == 0 {
			keep = append(keep, part)
		}
	}
	return strings.Join(keep, "&")
}

// unescape decodes s, or returns it unchanged if it cannot be decoded.
func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

func (q *request) param(name string) string { return q.query.Get(name) }

// ticketType returns the type of ticket that is asked for.
func (q *request) ticketType() string {
	if q.path == corpTicketPath {
		return "jsapi"
	}
	return q.param("type")
}

// object reads the body as a JSON object. The errcode is 0 on success.
func (q *request) object() (members map[string]json.RawMessage, code int) {
	b, err := io.ReadAll(io.LimitReader(q.body, maxJSON+1))
	switch {
	case len(b) > maxJSON:
		return nil, 45002
	case err != nil:
		return nil, 47001
	case len(b) == 0:
		return nil, 44002
	case json.Unmarshal(b, &members) != nil:
		return nil, 47001
	}
	return members, 0
}

// decode reads the body as a JSON object into the struct that v points to. The
// errcode is 0 on success. Every field needs a json tag. Unlike encoding/json,
// decode compares names case-sensitively, as WeChat does.
func (q *request) decode(v any) int {
	members, code := q.object()
	if code != 0 {
		return code
	}
	s := reflect.ValueOf(v).Elem()
	for i := range s.NumField() {
		raw, sent := members[s.Type().Field(i).Tag.Get("json")]
		if sent && json.Unmarshal(raw, s.Field(i).Addr().Interface()) != nil {
			return 47001
		}
	}
	return 0
}

// bodyRecorder counts and hashes a body as it is read, and keeps its first
// bytes.
type bodyRecorder struct {
	from io.Reader
	hash hash.Hash
	head []byte
	read int64
	err  error // the client hung up
}

func (b *bodyRecorder) Read(p []byte) (int, error) {
	if b.from == nil {
		return 0, io.EOF
	}
	n, err := b.from.Read(p)
	if n > 0 {
		if b.hash == nil {
			b.hash = sha256.New()
		}
		b.hash.Write(p[:n])
		b.head = append(b.head, p[:min(n, maxHead-len(b.head))]...)
		b.read += int64(n)
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// drain reads the rest.
func (b *bodyRecorder) drain() { _, _ = io.Copy(io.Discard, b) }

// sum returns the SHA-256 of what was read so far.
func (b *bodyRecorder) sum() (sum [32]byte) {
	if b.hash == nil {
		return sha256.Sum256(nil)
	}
	b.hash.Sum(sum[:0])
	return sum
}
