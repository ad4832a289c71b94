package wechattest

import "time"

const (
	ticketLife = 7200 * time.Second
	// WeCom's limits on ticket fetches in an hour (WeCom docs: "Frequency
	// limits").
	ticketsPerAgent = 100
	ticketsPerCorp  = 400
)

// ticket serves the three ticket endpoints. A ticket stays the same during its
// life, and expires_in is always 7200, as observed in the field.
func (s *Server) ticket(q *request) answer {
	kind := q.ticketType()
	if !ticketTypeExists(kind) || (kind == "agent_config") != (q.path == agentTicketPath) {
		return q.fail(40097)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := q.acct
	if q.isWeCom() && !s.useTicketLocked(a, hour(q.now)) {
		return q.fail(45009)
	}
	t := a.tickets[kind]
	if !q.now.Before(t.ends) {
		t = ticket{value: newTicket(), ends: q.now.Add(ticketLife)}
		a.tickets[kind] = t
		s.issueLocked(t.value)
	}
	return q.success(q.credential("ticket", t.value, int64(ticketLife/time.Second))...)
}

// useTicketLocked counts a ticket fetch at WeCom. It reports false if the hour's
// limit is reached.
func (s *Server) useTicketLocked(a *account, hour int64) bool {
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

// newTicket returns a value as long as WeChat's: 86 of [A-Za-z0-9_-].
func newTicket() string { return random(64) }
