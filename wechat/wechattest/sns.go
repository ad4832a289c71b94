package wechattest

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// plain makes an answer of /sns/*'s, which come as text/plain (observed in the
// field).
func (a answer) plain() answer {
	a.ctype = typePlain
	return a
}

// codeLogin checks what /sns endpoints want for a user's code.
func (s *Server) codeLogin(q *ask, code string) int {
	if no := s.login(q, q.param("appid"), q.param("secret"), 40125); no != 0 {
		return no
	}
	if q.param("grant_type") != "authorization_code" {
		return 40002
	}
	if code == "" {
		return 41008
	}
	if strings.HasPrefix(code, "bad") {
		return 40029
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := q.acct.AppID + " " + code
	if s.codes[key] {
		return 40163
	}
	if len(s.codes) >= maxKnown {
		clear(s.codes)
	}
	s.codes[key] = true
	return 0
}

// session is /sns/jscode2session. Every code is good, once, save those that
// begin with "bad".
func (s *Server) session(q *ask) answer {
	code := q.param("js_code")
	if no := s.codeLogin(q, code); no != 0 {
		return q.no(no)
	}
	key := sha256.Sum256([]byte(random(16)))
	return ok("session_key", base64.StdEncoding.EncodeToString(key[:16]), "openid", openid(q.acct.AppID, code)).plain()
}

// userToken is /sns/oauth2/access_token: a user's token for a code, as session.
func (s *Server) userToken(q *ask) answer {
	code := q.param("code")
	if no := s.codeLogin(q, code); no != 0 {
		return q.no(no)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grantUserLocked(q, openid(q.acct.AppID, code), newToken())
}

// grantUserLocked gives a user a new token.
func (s *Server) grantUserLocked(q *ask, openid, refresh string) answer {
	g := &grant{value: newToken(), owner: q.acct, openid: openid, ends: q.now.Add(s.life), late: 42001}
	if len(s.refreshes) >= maxKnown {
		clear(s.refreshes)
	}
	s.grants[g.value], s.refreshes[refresh] = g, g
	s.issueLocked(g.value)
	s.issueLocked(refresh)
	return ok("access_token", g.value, "expires_in", int64(s.life.Seconds()), "refresh_token", refresh,
		"openid", openid, "scope", "snsapi_userinfo").plain()
}

// refreshUserToken is /sns/oauth2/refresh_token, which wants the appid but no
// secret.
func (s *Server) refreshUserToken(q *ask) answer {
	appid, refresh := q.param("appid"), q.param("refresh_token")
	switch {
	case q.tokens > 0:
		return q.no(40097)
	case q.param("grant_type") != "refresh_token":
		return q.no(40002)
	case appid == "":
		return q.no(41002)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.official[appid] == nil {
		return q.no(40013)
	}
	old := s.refreshes[refresh]
	if old == nil || old.owner.AppID != appid {
		return q.no(40030)
	}
	q.acct = old.owner
	return s.grantUserLocked(q, old.openid, refresh)
}

// userinfo is /sns/userinfo, for the user's own token.
func (s *Server) userinfo(q *ask) answer {
	if q.param("openid") != q.user.openid {
		return q.no(40003)
	}
	return ok("openid", q.user.openid, "nickname", "微信用户 & Co. <3", "sex", 0, "headimgurl",
		"https://thirdwx.qlogo.cn/mmopen/vi_32/x/132", "privilege", []string{}).plain()
}

// auth is /sns/auth: is the user's token good?
func (s *Server) auth(q *ask) answer {
	if q.param("openid") != q.user.openid {
		return q.no(40003)
	}
	return q.done().plain()
}

// openid is the user that a code stands for.
func openid(appid, code string) string {
	sum := sha256.Sum256([]byte(appid + " " + code))
	return "o" + base64.RawURLEncoding.EncodeToString(sum[:])[:27]
}
