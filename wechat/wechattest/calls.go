package wechattest

import (
	"encoding/hex"
	"math/rand/v2"
	"strconv"
)

// userInfo serves /cgi-bin/user/info.
func (s *Server) userInfo(q *request) answer {
	id := q.param("openid")
	if q.isWeCom() {
		return s.echo(q)
	}
	if id == "" {
		return q.fail(40003)
	}
	return ok("subscribe", 1, "openid", id, "language", "zh_CN", "subscribe_time", q.now.Unix(), "remark", "",
		"groupid", 0, "tagid_list", []int{}, "subscribe_scene", "ADD_SCENE_QR_CODE")
}

// users serves /cgi-bin/user/get.
func (s *Server) users(q *request) answer {
	if q.isWeCom() {
		return s.echo(q)
	}
	type data struct {
		OpenID []string `json:"openid"`
	}
	ids := []string{openid(q.acct.AppID, "1"), openid(q.acct.AppID, "2")}
	return ok("total", 2, "count", 2, "data", data{ids}, "next_openid", ids[1])
}

// customMessage serves /cgi-bin/message/custom/send.
func (s *Server) customMessage(q *request) answer {
	var in struct {
		ToUser  string `json:"touser"`
		MsgType string `json:"msgtype"`
	}
	if code := q.decode(&in); code != 0 {
		return q.fail(code)
	}
	if in.ToUser == "" {
		return q.fail(40003)
	}
	return q.success()
}

// templateMessage serves /cgi-bin/message/template/send. The msgid is too large
// for a float64.
func (s *Server) templateMessage(q *request) answer {
	var in struct {
		ToUser     string `json:"touser"`
		TemplateID string `json:"template_id"`
	}
	code := q.decode(&in)
	switch {
	case code != 0:
		return q.fail(code)
	case in.ToUser == "":
		return q.fail(40003)
	case in.TemplateID == "":
		return q.fail(40037)
	}
	return q.success("msgid", 1<<61|rand.Int64N(1<<60)|1)
}

// agentMessage serves WeCom's /cgi-bin/message/send.
func (s *Server) agentMessage(q *request) answer {
	var in struct {
		ToUser  string `json:"touser"`
		ToParty string `json:"toparty"`
		ToTag   string `json:"totag"`
		AgentID *int   `json:"agentid"`
	}
	code := q.decode(&in)
	switch {
	case code != 0:
		return q.fail(code)
	case in.AgentID == nil:
		return q.fail(41011)
	case q.acct.AgentID != 0 && *in.AgentID != q.acct.AgentID:
		return q.fail(40056)
	case in.ToUser+in.ToParty+in.ToTag == "":
		return q.fail(82001)
	}
	return q.success("msgid", random(48))
}

// webhook serves WeCom's /cgi-bin/webhook/send, whose credential is the
// parameter key.
func (s *Server) webhook(q *request) answer {
	if q.param("key") == "" {
		return q.fail(93000)
	}
	var in struct {
		MsgType string `json:"msgtype"`
	}
	if code := q.decode(&in); code != 0 {
		return q.fail(code)
	}
	return q.success()
}

// menu serves /cgi-bin/menu/create.
func (s *Server) menu(q *request) answer {
	if _, code := q.object(); code != 0 {
		return q.fail(code)
	}
	return q.success()
}

// ipList serves /cgi-bin/get_api_domain_ip and getcallbackip.
func (s *Server) ipList(q *request) answer {
	ips := []string{"101.89.47.18", "101.91.34.103", "58.246.220.31"}
	if q.isWeCom() {
		return q.success("ip_list", ips)
	}
	return ok("ip_list", ips)
}

// ridGet serves /cgi-bin/openapi/rid/get: one failed call of the account,
// including the token it was made with, as WeChat does.
func (s *Server) ridGet(q *request) answer {
	var in struct {
		RID string `json:"rid"`
	}
	if code := q.decode(&in); code != 0 {
		return q.fail(code)
	}
	if !validRID(in.RID) {
		return q.fail(76002)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.log.calls {
		if c.RID != in.RID {
			continue
		}
		if c.AppID != q.acct.AppID {
			return q.fail(76003)
		}
		return q.success("request", struct {
			At     int64  `json:"invoke_time"`
			Cost   int    `json:"cost_in_ms"`
			URL    string `json:"request_url"`
			Body   string `json:"request_body"`
			Reply  string `json:"response_body"`
			Client string `json:"client_ip"`
		}{c.At.Unix(), 12, c.RawQuery, string(c.Body), c.reply, q.ip.String()})
	}
	return q.fail(76001)
}

func validRID(s string) bool {
	if len(s) != 26 || s[8] != '-' || s[17] != '-' {
		return false
	}
	for _, group := range []string{s[:8], s[9:17], s[18:]} {
		if _, err := strconv.ParseUint(group, 16, 32); err != nil {
			return false
		}
	}
	return true
}

// echo serves every path that is not modelled: it answers with what arrived,
// without the token.
func (s *Server) echo(q *request) answer {
	q.body.drain()
	sum := q.body.sum()
	return q.success("echo", struct {
		Method string `json:"method"`
		Path   string `json:"path"`
		Query  string `json:"query"`
		Len    int64  `json:"body_len"`
		Sum    string `json:"body_sha256"`
	}{q.r.Method, q.r.URL.EscapedPath(), withoutToken(q.r.URL.RawQuery), q.body.read, hex.EncodeToString(sum[:])})
}
