package wechattest

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// plain gives a the Content-Type text/plain, as the answers of /sns/ have it
// (observed in the field).
func (a answer) plain() answer {
	a.ctype = typePlain
	return a
}

// codeLogin checks a call that exchanges a user's code. It returns the errcode,
// 0 if all is well.
func (s *Server) codeLogin(q *request, code string) int {
	if c := s.login(q, q.param("appid"), q.param("secret"), 40125); c != 0 {
		return c
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

// session serves /sns/jscode2session. Every code works once, except those
// that begin with "bad".
func (s *Server) session(q *request) answer {
	code := q.param("js_code")
	if c := s.codeLogin(q, code); c != 0 {
		return q.fail(c)
	}
	key := sha256.Sum256([]byte(random(16)))
	return ok("session_key", base64.StdEncoding.EncodeToString(key[:16]), "openid", openid(q.acct.AppID, code)).plain()
}

// userToken serves /sns/oauth2/access_token: a user's token for a
// code.
func (s *Server) userToken(q *request) answer {
	code := q.param("code")
	if c := s.codeLogin(q, code); c != 0 {
		return q.fail(c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issueUserTokenLocked(q, openid(q.acct.AppID, code), newToken())
}

// issueUserTokenLocked answers with a new token of a user.
func (s *Server) issueUserTokenLocked(q *request, openid, refresh string) answer {
	g := &issuedToken{value: newToken(), owner: q.acct, openid: openid, ends: q.now.Add(s.life), endCode: 42001}
	if len(s.refreshes) >= maxKnown {
		clear(s.refreshes)
	}
	s.tokens[g.value], s.refreshes[refresh] = g, g
	s.issueLocked(g.value)
	s.issueLocked(refresh)
	return ok("access_token", g.value, "expires_in", int64(s.life.Seconds()), "refresh_token", refresh,
		"openid", openid, "scope", "snsapi_userinfo").plain()
}

// refreshUserToken serves /sns/oauth2/refresh_token, which takes the appid and
// no secret.
func (s *Server) refreshUserToken(q *request) answer {
	appid, refresh := q.param("appid"), q.param("refresh_token")
	switch {
	case q.tokens > 0:
		return q.fail(40097)
	case q.param("grant_type") != "refresh_token":
		return q.fail(40002)
	case appid == "":
		return q.fail(41002)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.official[appid] == nil {
		return q.fail(40013)
	}
	old := s.refreshes[refresh]
	if old == nil || old.owner.AppID != appid {
		return q.fail(40030)
	}
	q.acct = old.owner
	return s.issueUserTokenLocked(q, old.openid, refresh)
}

// userinfo serves /sns/userinfo with the user's own token.
func (s *Server) userinfo(q *request) answer {
	if q.param("openid") != q.user.openid {
		return q.fail(40003)
	}
	return ok("openid", q.user.openid, "nickname", "微信用户 & Co. <3", "sex", 0, "headimgurl",
		"https://thirdwx.qlogo.cn/mmopen/vi_32/x/132", "privilege", []string{}).plain()
}

// auth serves /sns/auth, which tells whether the user's token works.
func (s *Server) auth(q *request) answer {
	if q.param("openid") != q.user.openid {
		return q.fail(40003)
	}
	return q.success().plain()
}

// openid returns the user that a code stands for.
func openid(appid, code string) string {
	sum := sha256.Sum256([]byte(appid + " " + code))
	return "o" + base64.RawURLEncoding.EncodeToString(sum[:])[:27]
}
