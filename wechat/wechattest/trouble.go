package wechattest

import (
	"slices"
	"strings"
	"time"
)

// TroubleKind is a way in which WeChat, or the network before it, misbehaves.
type TroubleKind string

// The kinds of trouble. Those marked * change the answer to a call that was
// executed; with the others the call is not executed, unless [Trouble].Execute
// is set.
const (
	Status     TroubleKind = "status"      // the HTTP status Trouble.Status, and a gateway's HTML page
	Reset      TroubleKind = "reset"       // TCP RST instead of an answer
	Cut        TroubleKind = "cut"         // * half of the answer, then the connection ends
	Hang       TroubleKind = "hang"        // no answer until the client leaves or the server is closed
	Late       TroubleKind = "late"        // * the answer comes after Trouble.Delay
	Slow       TroubleKind = "slow"        // * the header at once, the body in eight pieces, Trouble.Delay before each
	Garbage    TroubleKind = "garbage"     // status 200 with an HTML page, as captive portals send
	Broken     TroubleKind = "broken"      // * status 200 with half of the JSON and a matching Content-Length
	Empty      TroubleKind = "empty"       // status 200 with an empty body
	EmptyToken TroubleKind = "empty-token" // * token and ticket endpoints only: the credential is ""
	AbsurdLife TroubleKind = "absurd-life" // * token and ticket endpoints only: expires_in is Trouble.Life
	Retired    TroubleKind = "retired"     // errcode 48017: this access point is being retired
	Busy       TroubleKind = "busy"        // errcode -1
	Errcode    TroubleKind = "errcode"     // the errcode Trouble.Status
	Chunked    TroubleKind = "chunked"     // * no Content-Length
	Early      TroubleKind = "early"       // errcode 40001 (WeCom: 40014) before the body was read
	Redirect   TroubleKind = "redirect"    // 302 to the URL that was called, token included
)

// Trouble is one misbehaviour.
type Trouble struct {
	Path    string // prefix of the path; "" matches every path
	Host    string // the Host header, host:port; "" matches every host
	Kind    TroubleKind
	Count   int           // how many calls it applies to; 0: every call until ClearTrouble
	Skip    int           // how many matching calls pass first
	Status  int           // the HTTP status for Status (0: 500), the errcode for Errcode
	Delay   time.Duration // before the answer; for Slow before each piece
	Life    int64         // for AbsurdLife, in seconds
	Execute bool          // the call is executed, whatever the Kind
}

// Trouble adds t to the queue of troubles. The first one that matches a call
// applies to it. A trouble without Count replaces one without Count for the same
// Path and Host.
func (s *Server) Trouble(t Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Count == 0 {
		s.troubles = slices.DeleteFunc(s.troubles, func(o Trouble) bool {
			return o.Count == 0 && o.Path == t.Path && o.Host == t.Host
		})
	}
	s.troubles = append(s.troubles, t)
}

// ClearTrouble removes all troubles. Calls that hang keep hanging.
func (s *Server) ClearTrouble() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles = nil
}

// nextTroubleLocked returns the trouble for a call and counts it, or the zero
// Trouble.
func (s *Server) nextTroubleLocked(q *request) Trouble {
	for i := range s.troubles {
		t := &s.troubles[i]
		if !t.matches(q) {
			continue
		}
		if t.Skip > 0 {
			t.Skip--
			continue
		}
		hit := *t
		if t.Count == 1 {
			s.troubles = slices.Delete(s.troubles, i, i+1)
		} else if t.Count > 1 {
			t.Count--
		}
		return hit
	}
	return Trouble{}
}

func (t *Trouble) matches(q *request) bool {
	if t.Host != "" && t.Host != q.r.Host || !strings.HasPrefix(q.path, t.Path) {
		return false
	}
	if t.Kind == EmptyToken || t.Kind == AbsurdLife {
		return q.group == tokenGroup || q.group == ticketGroup
	}
	return true
}

// replacesCall reports whether the call is not executed because of the trouble.
func (t *Trouble) replacesCall() bool {
	switch t.Kind {
	case Status, Reset, Hang, Garbage, Empty, Retired, Busy, Errcode, Early, Redirect:
		return !t.Execute
	}
	return false
}
