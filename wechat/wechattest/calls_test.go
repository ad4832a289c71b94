package wechattest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestModelledCalls(t *testing.T) {
	l := newLab(t)
	token, agent := "access_token="+l.stable(false).Token, "access_token="+l.agent("2").Token
	for _, c := range []struct {
		call, body string
		code       int
		says       string
	}{
		{"GET /cgi-bin/user/info?openid=o1&" + token, "", 0, `{"subscribe":1,"openid":"o1",`},
		{"GET /cgi-bin/user/info?" + token, "", 40003, ""},
		{"GET /cgi-bin/user/get?" + token, "", 0, `{"total":2,"count":2,"data":{"openid":["o`},
		{"POST /cgi-bin/message/custom/send?" + token, `{"touser":"o1","msgtype":"text","text":{"content":"你好"}}`, 0, `{"errcode":0,"errmsg":"ok"}`},
		{"POST /cgi-bin/message/custom/send?" + token, `{}`, 40003, ""},
		{"POST /cgi-bin/message/custom/send?" + token, `{`, 47001, ""},
		{"POST /cgi-bin/message/custom/send?" + token, ``, 44002, ""},
		{"GET /cgi-bin/message/custom/send?" + token, ``, 43002, ""},
		{"POST /cgi-bin/message/template/send?" + token, `{"touser":"o1","template_id":"t"}`, 0, `{"errcode":0,"errmsg":"ok","msgid":`},
		{"POST /cgi-bin/message/template/send?" + token, `{"touser":"o1"}`, 40037, ""},
		{"POST /cgi-bin/menu/create?" + token, `{"button":[]}`, 0, `{"errcode":0,"errmsg":"ok"}`},
		{"POST /cgi-bin/menu/create?" + token, `[]`, 47001, ""},
		{"POST /cgi-bin/menu/create?" + token, `{"pad":"` + strings.Repeat("x", maxJSON) + `"}`, 45002, ""},
		{"GET /cgi-bin/get_api_domain_ip?" + token, "", 0, `{"ip_list":["101.`},
		{"GET /cgi-bin/getcallbackip?" + token, "", 0, `{"ip_list":["101.`},
		{"POST " + wecom + "/cgi-bin/message/send?" + agent, `{"touser":"u","agentid":2}`, 0, `{"errcode":0,"errmsg":"ok","msgid":"`},
		{"POST " + wecom + "/cgi-bin/message/send?" + agent, `{"touser":"u","agentid":3}`, 40056, ""},
		{"POST " + wecom + "/cgi-bin/message/send?" + agent, `{"touser":"u"}`, 41011, ""},
		{"POST " + wecom + "/cgi-bin/message/send?" + agent, `{"agentid":2}`, 82001, ""},
		{"POST " + wecom + "/cgi-bin/webhook/send?key=k", `{"msgtype":"text"}`, 0, `{"errcode":0,"errmsg":"ok"}`},
		{"POST " + wecom + "/cgi-bin/webhook/send", `{"msgtype":"text"}`, 93000, ""},
	} {
		r := l.do(c.call, c.body).wants(t, c.call+" "+c.body[:min(len(c.body), 60)], c.code)
		if !strings.HasPrefix(r.Raw, c.says) {
			t.Errorf("%s: got %s", c.call, r.Raw)
		}
	}
}

func TestEverythingElseIsEchoed(t *testing.T) {
	l := newLab(t)
	const body = "any <body> & more"
	token := l.stable(false).Token
	r := l.do("POST /wxa/any%20thing/a%2Fb?z=%7e&access_token="+token+"&a=<>&a=2", body).wants(t, "echo", 0)
	sum := sha256.Sum256([]byte(body))
	want := fmt.Sprintf(`{"errcode":0,"errmsg":"ok","echo":{"method":"POST","path":"/wxa/any%%20thing/a%%2Fb","query":"z=%%7e&a=<>&a=2","body_len":%d,"body_sha256":"%s"}}`,
		len(body), hex.EncodeToString(sum[:]))
	if r.Raw != want {
		t.Errorf("got  %s\nwant %s", r.Raw, want)
	}
}

func TestRIDsAreKeptWithTheTokenOfTheCall(t *testing.T) {
	l := newLab(t)
	token := l.stable(false).Token
	failed := l.do("POST /cgi-bin/message/custom/send?access_token="+token, `{"touser":""}`)
	_, rid, _ := strings.Cut(failed.Msg, "rid: ")
	ask := func(rid, token string) reply {
		return l.do("POST /cgi-bin/openapi/rid/get?access_token="+token, `{"rid":"`+rid+`"}`)
	}
	r := ask(rid, token).wants(t, "a good rid", 0)
	var out struct {
		Request struct {
			URL   string `json:"request_url"`
			Body  string `json:"request_body"`
			Reply string `json:"response_body"`
		}
	}
	if err := json.Unmarshal([]byte(r.Raw), &out); err != nil {
		t.Fatal(err)
	}
	if out.Request.URL != "access_token="+token || out.Request.Body != `{"touser":""}` || out.Request.Reply != failed.Raw {
		t.Errorf("got %+v", out)
	}
	ask("no rid", token).wants(t, "no rid", 76002)
	ask("00000000-00000000-00000000", token).wants(t, "an unknown rid", 76001)
	other := l.do("POST /cgi-bin/stable_token", `{"grant_type":"client_credential","appid":"wxother","secret":"other-secret"}`).Token
	ask(rid, other).wants(t, "another account's", 76003)
}

func FuzzValidRID(f *testing.F) {
	f.Add("617682e0-21ea7900-3a442400")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if validRID(s) && len(s) != 26 {
			t.Fatalf("%q", s)
		}
	})
}
