package wechattest

import (
	"slices"
	"strings"
	"time"
)

// TroubleKind is a way in which WeChat, or the network before it, misbehaves.
type TroubleKind string

// The kinds of trouble. Those marked * are answers to a call that was carried
// out; the others strike before it, unless [Trouble].Execute says otherwise.
const (
	Status     TroubleKind = "status"      // the HTTP status Trouble.Status, and a gateway's HTML page
	Reset      TroubleKind = "reset"       // TCP RST instead of an answer
	Cut        TroubleKind = "cut"         // * half of the answer, then the connection ends
	Hang       TroubleKind = "hang"        // no answer until the client leaves or the server is closed
	Late       TroubleKind = "late"        // * the answer comes after Trouble.Delay
	Slow       TroubleKind = "slow"        // * the header at once, the body in eight pieces, Trouble.Delay before each
	Garbage    TroubleKind = "garbage"     // 200 with an HTML page, as captive portals send
	Broken     TroubleKind = "broken"      // * 200 with half of the JSON, its Content-Length right
	Empty      TroubleKind = "empty"       // 200 with an empty body
	EmptyToken TroubleKind = "empty-token" // * token and ticket endpoints only: the credential is ""
	AbsurdLife TroubleKind = "absurd-life" // * token and ticket endpoints only: expires_in is Trouble.Life
	Retired    TroubleKind = "retired"     // errcode 48017: this access point is being switched off
	Busy       TroubleKind = "busy"        // errcode -1
	Errcode    TroubleKind = "errcode"     // the errcode Trouble.Status
	Chunked    TroubleKind = "chunked"     // * no Content-Length
	Early      TroubleKind = "early"       // errcode 40001 (WeCom: 40014) before the body was read
	Redirect   TroubleKind = "redirect"    // 302 to the very URL that was called, token and all
)

// Trouble is one misbehaviour.
type Trouble struct {
	Path    string // a prefix of the path; "": any
	Host    string // host:port as the client called it; "": any
	Kind    TroubleKind
	Count   int           // how many calls it strikes; 0: all until cleared
	Skip    int           // how many it lets pass before
	Status  int           // for Status (0: 500) and Errcode
	Delay   time.Duration // waited for before any answer; for Slow before each piece
	Life    int64         // for AbsurdLife, in seconds
	Execute bool          // the call is carried out all the same
}

// Trouble adds t. Troubles stand in a queue and the first that fits a call
// strikes it; a trouble without Count replaces one without Count for the same
// path and host.
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

// ClearTrouble ends all troubles. Calls that hang go on hanging.
func (s *Server) ClearTrouble() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles = nil
}

// strikeLocked finds the trouble for a call and uses up one of its Count.
func (s *Server) strikeLocked(q *ask) Trouble {
	for i := range s.troubles {
		t := &s.troubles[i]
		if !t.fits(q) {
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

func (t *Trouble) fits(q *ask) bool {
	if t.Host != "" && t.Host != q.r.Host || !strings.HasPrefix(q.path, t.Path) {
		return false
	}
	if t.Kind == EmptyToken || t.Kind == AbsurdLife {
		return q.group == tokenGroup || q.group == ticketGroup
	}
	return true
}

// before reports whether the trouble keeps the call from being carried out.
func (t *Trouble) before() bool {
	switch t.Kind {
	case Status, Reset, Hang, Garbage, Empty, Retired, Busy, Errcode, Early, Redirect:
		return !t.Execute
	}
	return false
}
