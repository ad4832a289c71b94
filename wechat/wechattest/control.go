package wechattest

// The methods here take an appid, a corpid (all of its agents) or
// corpid/agentid (that agent). An unknown one changes nothing.

// each calls f for every account that id means.
func (s *Server) each(id string, f func(*account)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		if a.matches(id) {
			f(a)
		}
	}
}

// Expire ends the account's tokens now: calls with them get 42001, and the next
// fetch gives a new one.
func (s *Server) Expire(appid string) {
	now := s.Now()
	s.each(appid, func(a *account) {
		for _, h := range a.histories() {
			h.end(now, 42001)
		}
	})
}

// Invalidate ends the account's tokens as if another program had replaced them:
// calls with them get 40001 (WeCom: 40014), and the next fetch gives a new one.
func (s *Server) Invalidate(appid string) {
	now := s.Now()
	s.each(appid, func(a *account) {
		for _, h := range a.histories() {
			h.end(now, a.replacedCode())
		}
	})
}

// ExpireTickets ends the account's tickets: the next fetch gives new ones.
func (s *Server) ExpireTickets(appid string) {
	s.each(appid, func(a *account) { clear(a.tickets) })
}

// Reject makes calls with the account's current tokens fail with code, although
// a fetch in normal mode still returns them. Only a forced renewal or a fetch
// of /cgi-bin/token helps. Code 0 makes the tokens work again.
func (s *Server) Reject(appid string, code int) {
	s.each(appid, func(a *account) {
		for _, h := range a.histories() {
			for _, g := range []*issuedToken{h.current, h.previous} {
				if g != nil && (g == h.current || code == 0) {
					g.rejectCode = code
				}
			}
		}
	})
}

// RejectAll makes every call with any token of the account fail with code, new
// tokens and ticket fetches included. Code 0 ends it.
func (s *Server) RejectAll(appid string, code int) {
	s.each(appid, func(a *account) { a.rejectAll = code })
}

// Spurious makes a share of the account's calls fail with 40001 (WeCom: 40014)
// although their token is good: 0.25 means every fourth call. 0 ends it.
func (s *Server) Spurious(appid string, share float64) {
	s.each(appid, func(a *account) { a.spuriousShare, a.spuriousDebt = share, 0 })
}

// Freeze freezes or unfreezes the account's AppSecret. While it is frozen every
// call that needs the secret gets 40243; tokens that were given out still work.
func (s *Server) Freeze(appid string, frozen bool) {
	s.each(appid, func(a *account) { a.frozen = frozen })
}

// SetSecret changes the account's secret. Tokens that were given out still
// work.
func (s *Server) SetSecret(appid, secret string) {
	s.each(appid, func(a *account) { a.Secret = secret })
}

// AllowIPs sets the IP allow-list of all accounts: addresses, "a.b.c.*" or CIDR
// prefixes. Without arguments every address may call.
func (s *Server) AllowIPs(ips ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allow = ips
}

// Current returns the account's token: for WeCom the one of gettoken, otherwise
// the stable one if a fetch in normal mode would return it again, or else the
// last one of /cgi-bin/token. It returns "" if no token is valid.
func (s *Server) Current(appid string) string {
	now := s.Now()
	var token string
	s.each(appid, func(a *account) {
		if token != "" {
			return
		}
		switch {
		case a.WeCom && a.agent.reuses(now, agentWindow):
			token = a.agent.current.value
		case a.stable.reuses(now, stableWindow(s.life)):
			token = a.stable.current.value
		case a.legacy.current != nil && now.Before(a.legacy.current.ends):
			token = a.legacy.current.value
		}
	})
	return token
}
