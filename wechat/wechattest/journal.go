package wechattest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

const (
	maxSeen   = 10_000  // calls that Seen remembers
	maxIssued = 200_000 // tokens and tickets that Issued remembers
	maxKnown  = 100_000 // user codes, refresh tokens, media: each
)

// Call is one call as the server saw it.
type Call struct {
	At       time.Time        // simulated
	Platform errcode.Platform // whose host was called
	Method   string
	Path     string // decoded
	RawPath  string // as it was sent, but for what net/url escapes
	// RawQuery is the query as sent, tokens and all.
	RawQuery string
	Host     string
	Header   http.Header // read only
	Body     []byte      // the first 4 KiB
	BodyLen  int64       // of what was read: all of it, unless the client broke off or the trouble was Early
	BodySum  [32]byte    // SHA-256 of all that was read
	Chunked  bool
	Token    string // the access_token that came; of several the first
	AppID    string // whose token or secret came; "" if nobody's
	Errcode  int
	Status   int // HTTP; 0 while the call is under way, and where there was no answer
	RID      string
	Executed bool // carried out, whatever became of the answer
	Trouble  TroubleKind

	reply string // the answer where it has a rid, for rid/get
}

// journal is a ring of calls, in the order in which they began.
type journal struct {
	calls []*Call
	next  int           // where the next one goes, once the ring is full
	total int           // all that ever came
	grown chan struct{} // closed when total grows; nil while nobody waits
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

// Seen returns the last 10,000 calls in the order in which they began. One that
// is under way is there too, without what is not known yet.
func (s *Server) Seen() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Call, 0, len(s.log.calls))
	for _, c := range s.log.all() {
		out = append(out, *c)
	}
	return out
}

// ResetLog forgets the calls and sets all counters to 0.
func (s *Server) ResetLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = journal{grown: s.log.grown}
	clear(s.counts)
}

// Await waits until n calls have begun since the start or ResetLog, for tests
// that must not act before a call has arrived.
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

// Count returns a counter. Those of arrivals count a call as it comes, those of
// outcomes before it is answered.
//
//	arrivals  token           every fetch of a token: stable, legacy and wecom
//	          stable legacy wecom
//	          forced_asked    stable with force_refresh
//	          ticket          every fetch of a ticket
//	          ticket:TYPE     jsapi, wx_card, 2, agent_config
//	          call            everything else
//	outcomes  issued          fetches of a token that gave one, a new one or the same
//	          new             fetches of a token that gave a new one
//	          forced          stable with force_refresh that really renewed
//	          executed        of "call": carried out
//	          refused         of "call" and "ticket": refused for their token
//	          spurious        of "refused": because of Spurious or Early
//	          duplicate       calls with two or more access_tokens
//	          violation       duplicate, chunked, or an access_token where none belongs
//	          trouble         struck by a Trouble
//
// Any of them but spurious, duplicate, violation and trouble may be followed by
// ":" and an appid or corpid: that account's share, which an arrival joins when
// its outcome is known.
func (s *Server) Count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[kind]
}

// countLocked counts for the kind and, where it is known, for the account.
func (s *Server) countLocked(kind, appid string) {
	s.counts[kind]++
	if s.official[appid] != nil || s.corps[appid] != nil {
		s.counts[kind+":"+appid]++
	}
}

// Issued returns every token and ticket that was given out, users' included,
// the last 200,000 of them: none may be found where they do not belong.
func (s *Server) Issued() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.issued)
}

// begin notes a call's arrival.
func (s *Server) begin(r *http.Request, p errcode.Platform) *ask {
	q := newAsk(r, p, s.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	q.trouble = s.strikeLocked(q)
	q.call.Trouble = q.trouble.Kind
	if q.trouble.Kind != "" {
		s.counts["trouble"]++
	}
	if q.tokens > 0 && !q.group.takesToken() {
		s.counts["violation"]++
	}
	s.log.add(q.call)
	if g := s.grants[q.token]; g != nil && q.group != tokenGroup && q.group != secretGroup {
		q.acct, q.call.AppID = g.owner, g.owner.AppID
	}
	q.kinds = arrival(q)
	for _, kind := range q.kinds {
		s.counts[kind]++
	}
	return q
}

// arrival names the counters of a call that comes.
func arrival(q *ask) []string {
	switch q.group {
	case tokenGroup:
		return []string{"token", map[string]string{stablePath: "stable", legacyPath: "legacy", agentPath: "wecom"}[q.path]}
	case ticketGroup:
		kind := q.ticketType()
		if !ticketTypes(kind) {
			return []string{"ticket"}
		}
		return []string{"ticket", "ticket:" + kind}
	}
	return []string{"call"}
}

// end notes a call's outcome, before it is answered.
func (s *Server) end(q *ask, a *answer) {
	if !q.early {
		q.body.drain()
	}
	if q.body.err != nil { // WeChat carries nothing out that did not arrive whole
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
	if a.refused {
		s.countLocked("refused", c.AppID)
	}
}

// count counts one outcome.
func (s *Server) count(kind, appid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.countLocked(kind, appid)
}

// issueLocked remembers a token or ticket, and forgets the oldest ones beyond
// the bound: those are as dead as unknown ones.
func (s *Server) issueLocked(value string) {
	if len(s.issued) >= maxIssued {
		half := maxIssued / 2
		for _, old := range s.issued[:half] {
			delete(s.grants, old)
		}
		s.issued = slices.Clone(s.issued[half:])
	}
	s.issued = append(s.issued, value)
}

// ticketTypes reports whether t is a type of ticket there is.
func ticketTypes(t string) bool {
	switch t {
	case "jsapi", "wx_card", "2", "agent_config":
		return true
	}
	return false
}
