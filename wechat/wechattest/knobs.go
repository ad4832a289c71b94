package wechattest

// The appid that the methods here take is that of an official account, the
// corpid of a WeCom account (all its agents), or corpid/agentid (that one).
// An unknown one is nobody: nothing happens.

// each calls f for the accounts that appid means.
func (s *Server) each(appid string, f func(*account)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		if a.goesBy(appid) {
			f(a)
		}
	}
}

// Expire ends the account's tokens now: calls with them get 42001, and the next
// fetch gives a new one.
func (s *Server) Expire(appid string) {
	now := s.Now()
	s.each(appid, func(a *account) {
		for _, l := range a.lines() {
			l.kill(now, 42001)
		}
	})
}

// Invalidate ends the account's tokens as if somebody else had replaced them:
// calls with them get 40001 (WeCom: 40014), and the next fetch gives a new one.
func (s *Server) Invalidate(appid string) {
	now := s.Now()
	s.each(appid, func(a *account) {
		for _, l := range a.lines() {
			l.kill(now, a.staleCode())
		}
	})
}

// ExpireTickets ends the account's tickets: the next fetch gives new ones.
func (s *Server) ExpireTickets(appid string) {
	s.each(appid, func(a *account) { clear(a.tickets) })
}

// Refuse has calls with the account's current tokens refused with code from
// now on, while a fetch in normal mode goes on giving them: only a forced one
// helps, or a fetch of /cgi-bin/token. 0 ends it.
func (s *Server) Refuse(appid string, code int) {
	s.each(appid, func(a *account) {
		for _, l := range a.lines() {
			for _, g := range []*grant{l.now, l.before} {
				if g != nil && (g == l.now || code == 0) {
					g.refuse = code
				}
			}
		}
	})
}

// RefuseAll has every call with any token of the account refused with code,
// whatever is fetched; fetches of tickets too. 0 ends it.
func (s *Server) RefuseAll(appid string, code int) {
	s.each(appid, func(a *account) { a.refuseAll = code })
}

// Spurious has a share of the account's calls refused with 40001 (WeCom: 40014)
// though their token is good: 0.25 means every fourth. 0 ends it.
func (s *Server) Spurious(appid string, share float64) {
	s.each(appid, func(a *account) { a.share, a.owed = share, 0 })
}

// Freeze freezes the account's AppSecret, or thaws it: whatever wants the
// secret gets 40243, tokens that were given out work on.
func (s *Server) Freeze(appid string, frozen bool) {
	s.each(appid, func(a *account) { a.frozen = frozen })
}

// SetSecret resets the account's secret. Tokens that were given out work on.
func (s *Server) SetSecret(appid, secret string) {
	s.each(appid, func(a *account) { a.Secret = secret })
}

// AllowIPs sets the IP allow-list of all accounts: addresses, "a.b.c.*" or
// CIDR; none: all may call.
func (s *Server) AllowIPs(ips ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allow = ips
}

// Current is the token that a fetch in normal mode would give again: of the
// stable line, else of /cgi-bin/token's, which would give another one; of
// WeCom's gettoken. "" if there is none that lives.
func (s *Server) Current(appid string) string {
	now := s.Now()
	var token string
	s.each(appid, func(a *account) {
		if token != "" {
			return
		}
		switch {
		case a.WeCom && a.agent.keeps(now, agentWindow):
			token = a.agent.now.value
		case a.stable.keeps(now, stableWindow(s.life)):
			token = a.stable.now.value
		case a.legacy.now != nil && now.Before(a.legacy.now.ends):
			token = a.legacy.now.value
		}
	})
	return token
}
