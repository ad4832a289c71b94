package wechattest

import (
	"time"
)

const (
	ticketLife = 7200 * time.Second
	// WeCom's limits on ticket fetches in an hour (WeCom docs: "Frequency
	// limits").
	ticketsPerAgent = 100
	ticketsPerCorp  = 400
)

// ticket gives the account's ticket of the type that is asked for: the same one
// during its life. expires_in is 7200 all the while, as observed in the field.
func (s *Server) ticket(q *ask) answer {
	kind := q.ticketType()
	if !ticketTypes(kind) || (kind == "agent_config") != (q.path == agentTicketPath) {
		return q.no(40097)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := q.acct
	if q.isWeCom() && !s.ticketAllowedLocked(a, hour(q.now)) {
		return q.no(45009)
	}
	t := a.tickets[kind]
	if !q.now.Before(t.ends) {
		t = ticket{value: newTicket(), ends: q.now.Add(ticketLife)}
		a.tickets[kind] = t
		s.issueLocked(t.value)
	}
	return q.done(q.credential("ticket", t.value, int64(ticketLife/time.Second))...)
}

// ticketAllowedLocked counts a fetch at WeCom, or says no.
func (s *Server) ticketAllowedLocked(a *account, hour int64) bool {
	ofCorp := 0
	for _, other := range s.corps[a.AppID] {
		if other.ticketHour != hour {
			other.ticketHour, other.ticketUsed = hour, 0
		}
		ofCorp += other.ticketUsed
	}
	if a.ticketUsed >= ticketsPerAgent || ofCorp >= ticketsPerCorp {
		return false
	}
	a.ticketUsed++
	return true
}

// newTicket makes a value as long as WeChat's: 86 of [A-Za-z0-9_-].
func newTicket() string { return random(64) }
