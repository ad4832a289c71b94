package wechattest

import "testing"

// WeChat tells letter cases apart, encoding/json does not.
func TestJSONNamesMatchInTheirOwnLetterCaseOnly(t *testing.T) {
	l := newLab(t)
	token, agent := "access_token="+l.stable(false).Token, "access_token="+l.agent("2").Token
	for _, c := range []struct {
		call, body string
		code       int
	}{
		{"POST /cgi-bin/stable_token", `{"Grant_Type":"client_credential","appid":"` + shop + `","secret":"` + secret + `"}`, 40002},
		{"POST /cgi-bin/stable_token", `{"grant_type":"client_credential","AppId":"` + shop + `","secret":"` + secret + `"}`, 41002},
		{"POST /cgi-bin/stable_token", `{"grant_type":"client_credential","appid":"` + shop + `","Secret":"` + secret + `"}`, 41004},
		{"POST /cgi-bin/stable_token", `{"grant_type":"client_credential","appid":"` + shop + `","\u0073ecret":"` + secret + `"}`, 0},
		{"POST /cgi-bin/stable_token", `{"grant_type":"client_credential","appid":"` + shop + `","ſecret":"` + secret + `"}`, 41004},
		{"POST /cgi-bin/stable_token", `{"grant_type":"client_credential","appid":"` + shop + `","secret":"` + secret + `","SECRET":"no"}`, 0},
		{"POST /cgi-bin/message/custom/send?" + token, `{"ToUser":"o1","msgtype":"text"}`, 40003},
		{"POST /cgi-bin/message/template/send?" + token, `{"touser":"o1","Template_ID":"t"}`, 40037},
		{"POST /cgi-bin/material/get_material?" + token, `{"Media_ID":"m"}`, 40007},
		{"POST /wxa/getwxacode?" + token, `{"Path":"pages/index"}`, 40159},
		{"POST /wxa/getwxacodeunlimit?" + token, `{"Scene":"a=1"}`, 40129},
		{"POST /cgi-bin/openapi/quota/get?" + token, `{"CGI_path":"/cgi-bin/token"}`, 76021},
		{"POST /cgi-bin/openapi/rid/get?" + token, `{"RID":"617682e0-21ea7900-3a442400"}`, 76002},
		{"POST /cgi-bin/clear_quota?" + token, `{"AppID":"` + shop + `"}`, 40013},
		{"POST /cgi-bin/clear_quota/v2", `{"appid":"` + shop + `","AppSecret":"` + secret + `"}`, 41004},
		{"POST " + wecom + "/cgi-bin/message/send?" + agent, `{"ToUser":"u","agentid":2}`, 82001},
		{"POST " + wecom + "/cgi-bin/message/send?" + agent, `{"touser":"u","AgentID":2}`, 41011},
	} {
		l.do(c.call, c.body).wants(t, c.call+" "+c.body, c.code)
	}
}
