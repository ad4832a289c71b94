package wechattest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

const (
	maxSeen   = 10_000  // calls that are kept
	maxIssued = 200_000 // tokens and tickets that are kept
	maxKnown  = 100_000 // user codes, refresh tokens and media ids that are kept, each
)

// Call is one call as the server saw it.
type Call struct {
	At       time.Time        // when it arrived, in simulated time
	Platform errcode.Platform // whose host was called
	Host     string           // the Host header
	Method   string
	Path     string      // decoded
	RawPath  string      // as sent, except for what net/url escapes
	RawQuery string      // as sent, tokens included
	Header   http.Header // must not be changed
	Body     []byte      // its first 4 KiB
	BodyLen  int64       // bytes read: all, unless the client hung up or the trouble was Early
	BodySum  [32]byte    // SHA-256 of the bytes read
	Chunked  bool        // the body came chunked
	Token    string      // the access_token that came, the first of several
	AppID    string      // the account whose token or secret came; "" if it is unknown
	Errcode  int
	Status   int    // HTTP status; 0 while the call runs, and if there was no answer
	RID      string // request id of an answer with an errcode
	Executed bool   // the call took effect, even if the answer did not arrive
	Trouble  TroubleKind

	reply string // the answer if it has a rid, for rid/get
}

// journal is a ring of calls in the order of arrival.
type journal struct {
	calls []*Call
	next  int           // index of the next call, once the ring is full
	total int           // all calls since the start or ResetLog
	grown chan struct{} // closed when total grows; nil if nothing waits
}

func (j *journal) add(c *Call) {
	j.total++
	if j.grown != nil {
		close(j.grown)
		j.grown = nil
	}
	if len(j.calls) < maxSeen {
		j.calls = append(j.calls, c)
		return
	}
	j.calls[j.next] = c
	j.next = (j.next + 1) % maxSeen
}

func (j *journal) all() []*Call {
	return slices.Concat(j.calls[j.next:], j.calls[:j.next])
}

// Seen returns the last 10,000 calls in the order of arrival. It includes calls
// that are still running, whose outcome is not set yet.
func (s *Server) Seen() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Call, 0, len(s.log.calls))
	for _, c := range s.log.all() {
		out = append(out, *c)
	}
	return out
}

// ResetLog clears the calls and all counters.
func (s *Server) ResetLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = journal{grown: s.log.grown}
	clear(s.counts)
}

// Await waits until n calls have arrived since the start or ResetLog. It returns
// ctx's cause if ctx ends first.
func (s *Server) Await(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		if s.log.total >= n {
			s.mu.Unlock()
			return nil
		}
		if s.log.grown == nil {
			s.log.grown = make(chan struct{})
		}
		grown := s.log.grown
		s.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Count returns a counter. Arrivals are counted when a call comes, outcomes
// before it is answered.
//
//	arrivals  token           every fetch of a token: stable, legacy and wecom
//	          stable legacy wecom
//	          forced_asked    stable with force_refresh
//	          ticket          every fetch of a ticket
//	          ticket:TYPE     jsapi, wx_card, 2, agent_config
//	          call            all other calls
//	outcomes  issued          fetches of a token that returned one, new or not
//	          new             fetches of a token that returned a new one
//	          forced          stable with force_refresh that renewed the token
//	          executed        calls that were executed
//	          rejected        calls and ticket fetches whose token was rejected
//	          spurious        rejected because of Spurious or Early
//	          duplicate       calls with two or more access_tokens
//	          violation       duplicate, chunked, or an access_token where none belongs
//	          trouble         calls that a Trouble applied to
//
// All but spurious, duplicate, violation and trouble are also counted for each
// account, as "stable:" and its appid or corpid. An arrival is added to its
// account's counter when the outcome is known. A fetch of a token or ticket at a
// host that does not have the path counts as "call".
func (s *Server) Count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[kind]
}

// countLocked adds one to the counter of kind and, if the account is known, to
// the account's.
func (s *Server) countLocked(kind, appid string) {
	s.counts[kind]++
	if s.official[appid] != nil || s.corps[appid] != nil {
		s.counts[kind+":"+appid]++
	}
}

// Issued returns the last 200,000 tokens and tickets that were given out, users'
// tokens included, so that a test can look for leaked ones.
func (s *Server) Issued() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.issued)
}

// begin records a call's arrival.
func (s *Server) begin(r *http.Request, p errcode.Platform) *request {
	q := newRequest(r, p, s.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	q.trouble = s.nextTroubleLocked(q)
	q.call.Trouble = q.trouble.Kind
	if q.trouble.Kind != "" {
		s.counts["trouble"]++
	}
	if q.tokens > 0 && !q.group.takesToken() {
		s.counts["violation"]++
	}
	s.log.add(q.call)
	if g := s.tokens[q.token]; g != nil && q.group != tokenGroup && q.group != secretGroup {
		q.acct, q.call.AppID = g.owner, g.owner.AppID
	}
	q.kinds = arrivalKinds(q)
	for _, kind := range q.kinds {
		s.counts[kind]++
	}
	return q
}

// arrivalKinds returns the counters of a call that arrives.
func arrivalKinds(q *request) []string {
	switch q.group {
	case tokenGroup:
		return []string{"token", map[string]string{stablePath: "stable", legacyPath: "legacy", agentPath: "wecom"}[q.path]}
	case ticketGroup:
		kind := q.ticketType()
		if !ticketTypeExists(kind) {
			return []string{"ticket"}
		}
		return []string{"ticket", "ticket:" + kind}
	}
	return []string{"call"}
}

// end records a call's outcome, before it is answered.
func (s *Server) end(q *request, a *answer) {
	if !q.early {
		q.body.drain()
	}
	if q.body.err != nil { // WeChat does not execute a call whose body is incomplete
		*a = page(http.StatusBadRequest)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := q.call
	if q.acct != nil {
		c.AppID = q.acct.AppID
	}
	c.Body, c.BodyLen, c.BodySum = q.body.head, q.body.read, q.body.sum()
	c.Status, c.Errcode, c.RID, c.Executed = a.status, a.errcode, a.rid, a.executed
	if q.trouble.Kind == Hang || q.trouble.Kind == Reset {
		c.Status = 0
	}
	if a.rid != "" {
		c.reply = string(a.body)
	}
	for _, kind := range q.kinds {
		if c.AppID != "" {
			s.counts[kind+":"+c.AppID]++
		}
	}
	switch g := q.group; {
	case g == tokenGroup && a.executed:
		s.countLocked("issued", c.AppID)
	case g != tokenGroup && g != ticketGroup && a.executed:
		s.countLocked("executed", c.AppID)
	}
	if a.rejected {
		s.countLocked("rejected", c.AppID)
	}
}

// count is countLocked for callers that do not hold the lock.
func (s *Server) count(kind, appid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.countLocked(kind, appid)
}

// issueLocked records a token or ticket. Beyond the limit the older half is
// dropped: its tokens do not work any more.
func (s *Server) issueLocked(value string) {
	if len(s.issued) >= maxIssued {
		half := maxIssued / 2
		for _, old := range s.issued[:half] {
			delete(s.tokens, old)
		}
		s.issued = slices.Clone(s.issued[half:])
	}
	s.issued = append(s.issued, value)
}

// ticketTypeExists reports whether WeChat has tickets of type t.
func ticketTypeExists(t string) bool {
	switch t {
	case "jsapi", "wx_card", "2", "agent_config":
		return true
	}
	return false
}
