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
	maxHead = 4 << 10 // what the log keeps of a body
	maxJSON = 1 << 20 // a longer JSON body is refused
)

// ask is one call on its way through the server.
type ask struct {
	r        *http.Request
	platform errcode.Platform // whose host was called
	group    group
	now      time.Time
	path     string
	query    url.Values // lenient: pairs that cannot be decoded are left out
	token    string     // the access_token, of several the first
	tokens   int        // how many access_tokens came, however they were written
	named    bool       // the first was called just that
	ip       netip.Addr
	body     *meter
	call     *Call
	trouble  Trouble
	early    bool     // answered before the body is read
	acct     *account // whose token or secret it was, once that is known
	user     *grant   // a user's token, likewise

	kinds []string // the counters it was counted by as it came
}

func newAsk(r *http.Request, p errcode.Platform, now time.Time) *ask {
	q := &ask{r: r, platform: p, group: groupOf(p, r.URL.Path), now: now, path: r.URL.Path, body: &meter{from: r.Body}}
	q.query, _ = url.ParseQuery(r.URL.RawQuery)
	for _, p := range tokenPairs(r.URL.RawQuery) {
		if q.tokens++; q.tokens == 1 {
			q.token, q.named = p.value, p.name == "access_token"
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

// tokenPairs finds what a reader of the query may take for an access_token,
// in any letter case and escaping.
func tokenPairs(rawQuery string) []pair {
	var found []pair
	for part := range strings.SplitSeq(rawQuery, "&") {
		name, value, _ := strings.Cut(part, "=")
		if name = unescape(name); strings.EqualFold(strings.TrimSpace(name), "access_token") {
			found = append(found, pair{name, unescape(value)})
		}
	}
	return found
}

// withoutToken is the query without its access_tokens, otherwise untouched.
func withoutToken(rawQuery string) string {
	var keep []string
	for part := range strings.SplitSeq(rawQuery, "&") {
		if len(tokenPairs(part)) == 0 {
			keep = append(keep, part)
		}
	}
	return strings.Join(keep, "&")
}

// unescape decodes s where it can.
func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

func (q *ask) param(name string) string { return q.query.Get(name) }

// ticketType is the type of ticket that is asked for.
func (q *ask) ticketType() string {
	if q.path == corpTicketPath {
		return "jsapi"
	}
	return q.param("type")
}

// object reads the body, a JSON object. The errcode is 0 on success.
func (q *ask) object() (members map[string]json.RawMessage, code int) {
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

// decode reads the body, a JSON object, into the struct that v points to. The
// errcode is 0 on success. Every field needs a json tag; unlike encoding/json
// it must match the member's name in letter case too.
func (q *ask) decode(v any) int {
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

// meter counts and hashes a body as it is read, and keeps its head.
type meter struct {
	from io.Reader
	hash hash.Hash
	head []byte
	read int64
	err  error // the client broke off
}

func (m *meter) Read(p []byte) (int, error) {
	if m.from == nil {
		return 0, io.EOF
	}
	n, err := m.from.Read(p)
	if n > 0 {
		if m.hash == nil {
			m.hash = sha256.New()
		}
		m.hash.Write(p[:n])
		m.head = append(m.head, p[:min(n, maxHead-len(m.head))]...)
		m.read += int64(n)
	}
	if err != nil && err != io.EOF {
		m.err = err
	}
	return n, err
}

// drain reads what is left.
func (m *meter) drain() { _, _ = io.Copy(io.Discard, m) }

// sum is the SHA-256 of what was read so far.
func (m *meter) sum() (sum [32]byte) {
	if m.hash == nil {
		return sha256.Sum256(nil)
	}
	m.hash.Sum(sum[:0])
	return sum
}
