package wechattest

import (
	"crypto/rand"
	"encoding/base64"
	"time"
)

// agentWindow is the end of a WeCom token's life in which gettoken gives a new
// one: less than the second that expires_in can tell.
const agentWindow = time.Second

// newToken makes an opaque value as long as WeChat's: 139 of [A-Za-z0-9_-].
func newToken() string { return "95_" + random(102) }

// random is n random bytes in base64url.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// login checks appid and secret of an official account and the caller's
// address; 0, or the errcode. wrong is what a wrong secret is called here.
func (s *Server) login(q *ask, appid, secret string, wrong int) int {
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
		return s.spendLocked(a, q.path, q.now)
	}
	return 0
}

// legacyToken is /cgi-bin/token.
func (s *Server) legacyToken(q *ask) answer {
	if q.param("grant_type") != "client_credential" {
		return q.no(40002)
	}
	if code := s.login(q, q.param("appid"), q.param("secret"), 40001); code != 0 {
		return q.no(code)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := overlap
	if s.opts.NoOverlap {
		d = 0
	}
	l := &q.acct.legacy
	l.retire(q.now, d, q.acct.staleCode())
	return ok(q.tokenMembers(s.renewLocked(q, l))...)
}

// stableToken is /cgi-bin/stable_token.
func (s *Server) stableToken(q *ask) answer {
	var in struct {
		GrantType string `json:"grant_type"`
		AppID     string `json:"appid"`
		Secret    string `json:"secret"`
		Force     bool   `json:"force_refresh"`
	}
	if code := q.decode(&in); code != 0 {
		return q.no(code)
	}
	if in.GrantType != "client_credential" {
		return q.no(40002)
	}
	if in.Force {
		s.count("forced_asked", in.AppID)
	}
	if code := s.login(q, in.AppID, in.Secret, 40125); code != 0 {
		return q.no(code)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &q.acct.stable
	if in.Force && q.acct.forced.take(q.now) {
		s.countLocked("forced", in.AppID)
		l.before.kill(q.now, 0, q.acct.staleCode())
		l.now.kill(q.now, s.opts.ForceOverlap, q.acct.staleCode())
		return ok(q.tokenMembers(s.renewLocked(q, l))...)
	}
	if !l.keeps(q.now, stableWindow(s.life)) {
		s.renewLocked(q, l)
	}
	return ok(q.tokenMembers(l.now)...)
}

// agentToken is WeCom's /cgi-bin/gettoken.
func (s *Server) agentToken(q *ask) answer {
	corpid, secret := q.param("corpid"), q.param("corpsecret")
	switch {
	case corpid == "":
		return q.no(41002)
	case secret == "":
		return q.no(41004)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.now.Before(s.logins.blocked) {
		return q.no(45009)
	}
	agents := s.corps[corpid]
	if agents == nil {
		s.logins.fail(q.now)
		return q.no(40013)
	}
	for _, a := range agents {
		if a.Secret != secret {
			continue
		}
		q.acct = a
		if code := s.spendLocked(a, q.path, q.now); code != 0 {
			return q.no(code)
		}
		if !a.agent.keeps(q.now, agentWindow) {
			s.renewLocked(q, &a.agent)
		}
		return q.done(q.tokenMembers(a.agent.now)...)
	}
	q.call.AppID = corpid
	s.logins.fail(q.now)
	return q.no(40001)
}

// renewLocked gives the line a successor.
func (s *Server) renewLocked(q *ask, l *line) *grant {
	g := &grant{value: newToken(), owner: q.acct, ends: q.now.Add(s.life), late: 42001}
	l.push(g)
	s.grants[g.value] = g
	s.issueLocked(g.value)
	s.countLocked("new", q.acct.AppID)
	return g
}

// tokenMembers is a fetch's answer: the token and what is left of its life,
// rounded down; or what the call's trouble makes of it.
func (q *ask) tokenMembers(g *grant) []any {
	return q.credential("access_token", g.value, int64(g.ends.Sub(q.now)/time.Second))
}

func (q *ask) credential(name, value string, life int64) []any {
	switch q.trouble.Kind {
	case EmptyToken:
		value = ""
	case AbsurdLife:
		life = q.trouble.Life
	}
	return []any{name, value, "expires_in", life}
}
