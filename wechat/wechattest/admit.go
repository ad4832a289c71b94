package wechattest

import (
	"net/netip"
	"strings"
	"time"
)

// admit checks a call's credential, its caller's address and the quota. It
// reports whether the call is refused, and with what.
func (s *Server) admit(q *ask) (answer, bool) {
	switch q.group {
	case tokenGroup, openGroup:
		return answer{}, false
	case secretGroup:
		if q.tokens > 0 {
			return q.no(40097), true
		}
		return answer{}, false
	case userGroup:
		return s.admitToken(q, true)
	}
	return s.admitToken(q, false)
}

// admitToken checks an access_token: a user's, or an account's.
func (s *Server) admitToken(q *ask, user bool) (answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.tokens > 1 {
		s.counts["duplicate"]++
		s.counts["violation"]++
		return q.refuse(40014), true
	}
	if q.tokens == 0 || !q.named || q.token == "" {
		return q.refuse(41001), true
	}
	g := s.grants[q.token]
	if g == nil || (g.openid != "") != user || g.owner.WeCom != q.isWeCom() {
		if q.isWeCom() {
			return q.refuse(40014), true
		}
		return q.refuse(40001), true
	}
	q.acct = g.owner
	if user {
		q.user = g
		code := g.verdict(q.now)
		if code == 0 {
			return answer{}, false
		}
		return q.refuse(code), true
	}
	if !allowed(s.allow, q.ip) {
		if q.isWeCom() {
			return q.no(60020), true
		}
		return q.no(40164), true
	}
	if code := s.verdictLocked(q.now, g); code != 0 {
		return q.refuse(code), true
	}
	if code := noPermission(q.platform, q.path); code != 0 {
		return q.no(code), true
	}
	if !q.isWeCom() && strings.HasPrefix(q.path, "/cgi-bin/component/") {
		return q.no(61014), true
	}
	if code := s.spendLocked(q.acct, q.path, q.now); code != 0 {
		return q.no(code), true
	}
	return answer{}, false
}

// verdictLocked is the errcode for a known token; 0 is welcome.
func (s *Server) verdictLocked(now time.Time, g *grant) int {
	a := g.owner
	if code := g.verdict(now); code != 0 {
		return code
	}
	if a.refuseAll != 0 {
		return a.refuseAll
	}
	if a.spurious() {
		s.counts["spurious"]++
		return a.staleCode()
	}
	return 0
}

// allowed reports whether ip is on the list: an address, "a.b.c.*" or CIDR
// (WeChat docs: "IP allow-list"). An empty list allows all.
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
