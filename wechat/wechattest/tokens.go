package wechattest

import (
	"crypto/rand"
	"encoding/base64"
	"time"
)

// agentWindow is the last part of a WeCom token's life, in which gettoken gives
// a new one: less than one second, the unit of expires_in.
const agentWindow = time.Second

// newToken returns an opaque value as long as WeChat's: 139 of [A-Za-z0-9_-].
func newToken() string { return "95_" + random(102) }

// random returns n random bytes in base64url.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// login checks an MP account's appid and secret and, at the token endpoints, the
// caller's address and the quota. It returns the errcode, 0 if all is well.
// wrong is the errcode for a wrong secret.
func (s *Server) login(q *request, appid, secret string, wrong int) int {
	if appid == "" {
		return 41002
	}
	if secret == "" {
		return 41004
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.official[appid]
	if a == nil {
		return 40013
	}
	q.acct = a
	switch {
	case a.frozen:
		return 40243
	case a.Secret != secret:
		return wrong
	case q.group == tokenGroup && !allowed(s.allow, q.ip):
		return 40164
	case q.group == tokenGroup:
		return s.useQuotaLocked(a, q.path, q.now)
	}
	return 0
}

// legacyToken serves /cgi-bin/token.
func (s *Server) legacyToken(q *request) answer {
	if q.param("grant_type") != "client_credential" {
		return q.fail(40002)
	}
	if code := s.login(q, q.param("appid"), q.param("secret"), 40001); code != 0 {
		return q.fail(code)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := overlap
	if s.opts.NoOverlap {
		d = 0
	}
	h := &q.acct.legacy
	h.replace(q.now, d, q.acct.replacedCode())
	return ok(q.tokenMembers(s.renewLocked(q, h))...)
}

// stableToken serves /cgi-bin/stable_token.
func (s *Server) stableToken(q *request) answer {
	var in struct {
		GrantType string `json:"grant_type"`
		AppID     string `json:"appid"`
		Secret    string `json:"secret"`
		Force     bool   `json:"force_refresh"`
	}
	if code := q.decode(&in); code != 0 {
		return q.fail(code)
	}
	if in.GrantType != "client_credential" {
		return q.fail(40002)
	}
	if in.Force {
		s.count("forced_asked", in.AppID)
	}
	if code := s.login(q, in.AppID, in.Secret, 40125); code != 0 {
		return q.fail(code)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &q.acct.stable
	if in.Force && q.acct.forced.take(q.now) {
		s.countLocked("forced", in.AppID)
		h.replace(q.now, s.opts.ForceOverlap, q.acct.replacedCode())
		return ok(q.tokenMembers(s.renewLocked(q, h))...)
	}
	if !h.reuses(q.now, stableWindow(s.life)) {
		s.renewLocked(q, h)
	}
	return ok(q.tokenMembers(h.current)...)
}

// agentToken serves WeCom's /cgi-bin/gettoken.
func (s *Server) agentToken(q *request) answer {
	corpid, secret := q.param("corpid"), q.param("corpsecret")
	switch {
	case corpid == "":
		return q.fail(41002)
	case secret == "":
		return q.fail(41004)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.now.Before(s.failedLogins.blockedUntil) {
		return q.fail(45009)
	}
	agents := s.corps[corpid]
	if agents == nil {
		s.failedLogins.add(q.now)
		return q.fail(40013)
	}
	for _, a := range agents {
		if a.Secret != secret {
			continue
		}
		q.acct = a
		if code := s.useQuotaLocked(a, q.path, q.now); code != 0 {
			return q.fail(code)
		}
		if !a.agent.reuses(q.now, agentWindow) {
			s.renewLocked(q, &a.agent)
		}
		return q.success(q.tokenMembers(a.agent.current)...)
	}
	q.call.AppID = corpid
	s.failedLogins.add(q.now)
	return q.fail(40001)
}

// renewLocked adds a new token to h and returns it.
func (s *Server) renewLocked(q *request, h *tokenHistory) *issuedToken {
	g := &issuedToken{value: newToken(), owner: q.acct, ends: q.now.Add(s.life), endCode: 42001}
	h.push(g)
	s.tokens[g.value] = g
	s.issueLocked(g.value)
	s.countLocked("new", q.acct.AppID)
	return g
}

// tokenMembers returns the members of a fetch's answer: the token and the rest
// of its life in seconds, rounded down.
func (q *request) tokenMembers(g *issuedToken) []any {
	return q.credential("access_token", g.value, int64(g.ends.Sub(q.now)/time.Second))
}

// credential returns the members for a token or ticket, as the call's trouble
// changes them.
func (q *request) credential(name, value string, life int64) []any {
	switch q.trouble.Kind {
	case EmptyToken:
		value = ""
	case AbsurdLife:
		life = q.trouble.Life
	}
	return []any{name, value, "expires_in", life}
}
