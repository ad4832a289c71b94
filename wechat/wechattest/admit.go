package wechattest

import (
	"net/netip"
	"strings"
	"time"
)

// admit checks a call's credential, its caller's address and the quota. It
// returns false with WeChat's answer if the call is not let in.
func (s *Server) admit(q *request) (answer, bool) {
	switch q.group {
	case tokenGroup, openGroup:
		return answer{}, true
	case secretGroup:
		if q.tokens > 0 {
			return q.fail(40097), false
		}
		return answer{}, true
	}
	return s.admitToken(q)
}

// admitToken is admit for calls with an access_token: a user's in userGroup, an
// account's otherwise.
func (s *Server) admitToken(q *request) (answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.tokens > 1 {
		s.counts["duplicate"]++
		s.counts["violation"]++
		return q.reject(40014), false
	}
	if q.tokens == 0 || !q.exactName || q.token == "" {
		return q.reject(41001), false
	}
	g, user := s.tokens[q.token], q.group == userGroup
	if g == nil || (g.openid != "") != user || g.owner.WeCom != q.isWeCom() {
		if q.isWeCom() {
			return q.reject(40014), false
		}
		return q.reject(40001), false
	}
	q.acct = g.owner
	if user {
		q.user = g
		if code := g.errcode(q.now); code != 0 {
			return q.reject(code), false
		}
		return answer{}, true
	}
	if !allowed(s.allow, q.ip) {
		if q.isWeCom() {
			return q.fail(60020), false
		}
		return q.fail(40164), false
	}
	if code := s.tokenErrcodeLocked(q.now, g); code != 0 {
		return q.reject(code), false
	}
	if code := permission(q.platform, q.path); code != 0 {
		return q.fail(code), false
	}
	if code := s.useQuotaLocked(q.acct, q.path, q.now); code != 0 {
		return q.fail(code), false
	}
	return answer{}, true
}

// tokenErrcodeLocked returns the errcode for a call with an account's token, 0
// if it works.
func (s *Server) tokenErrcodeLocked(now time.Time, g *issuedToken) int {
	if code := g.errcode(now); code != 0 {
		return code
	}
	a := g.owner
	if a.rejectAll != 0 {
		return a.rejectAll
	}
	if a.spurious() {
		s.counts["spurious"]++
		return a.replacedCode()
	}
	return 0
}

// allowed reports whether ip is on the list of addresses, "a.b.c.*" and CIDR
// prefixes (WeChat docs: "IP allow-list"). An empty list allows all.
func allowed(list []string, ip netip.Addr) bool {
	if len(list) == 0 {
		return true
	}
	for _, entry := range list {
		if stem, star := strings.CutSuffix(entry, "*"); star {
			if strings.HasSuffix(stem, ".") && strings.HasPrefix(ip.String(), stem) {
				return true
			}
			continue
		}
		if p, err := netip.ParsePrefix(entry); err == nil && p.Contains(ip) {
			return true
		}
		if a, err := netip.ParseAddr(entry); err == nil && a.Unmap() == ip {
			return true
		}
	}
	return false
}
