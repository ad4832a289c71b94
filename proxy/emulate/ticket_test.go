package emulate

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// SDKs get tickets of every type by GET and by POST.
func TestTicketsByGETAndByPOST(t *testing.T) {
	t.Parallel()
	const (
		mp     = "/cgi-bin/ticket/getticket"
		corp   = "/cgi-bin/get_jsapi_ticket"
		agent  = "/cgi-bin/ticket/get"
		anyTok = "access_token=wtp1_x"
	)
	for _, c := range []struct {
		platform    errcode.Platform
		path, query string
		body        string
		want        token.Kind
	}{
		{errcode.MP, mp, "", "", token.JSAPI},
		{errcode.MP, mp, anyTok + "&type=jsapi", "", token.JSAPI},
		{errcode.MP, mp, "type=wx_card&" + anyTok, "", token.WXCard},
		{errcode.MP, mp, "type=2", "", token.SDK},
		{errcode.MP, mp, "type=sdk", "", token.SDK},
		{errcode.MP, mp, "", "type=wx_card", token.WXCard},
		{errcode.MP, mp, "", `{"type":"wx_card"}`, token.WXCard},
		{errcode.MP, mp, "", `{"type":2}`, token.SDK},
		{errcode.MP, mp, "type=jsapi", `{}`, token.JSAPI},
		{errcode.MP, mp, "type=jsapi&type=jsapi", "", token.JSAPI},
		{errcode.WeCom, corp, anyTok, "", token.JSAPI},
		{errcode.WeCom, agent, "type=agent_config", "", token.AgentConfig},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequest(method, c.path+"?"+c.query, nil)
			if got, err := TicketKind(c.platform, c.path, r, []byte(c.body)); got != c.want || err != nil {
				t.Errorf("%s %s?%s %s: %q, %v", method, c.path, c.query, c.body, got, err)
			}
		}
	}
	const want = `{"errcode":0,"errmsg":"ok","ticket":"t","expires_in":7200}`
	if got := string(TicketAnswer("t", 7200)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestUnknownTickets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		platform errcode.Platform
		path     string
		query    string
	}{
		{"an unknown type", errcode.MP, "/cgi-bin/ticket/getticket", "type=canary"},
		{"WeCom's type on MP", errcode.MP, "/cgi-bin/ticket/getticket", "type=agent_config"},
		{"WeCom's path on MP", errcode.MP, "/cgi-bin/ticket/get", "type=agent_config"},
		{"two types", errcode.MP, "/cgi-bin/ticket/getticket", "type=jsapi&type=wx_card"},
		{"MP's path on WeCom", errcode.WeCom, "/cgi-bin/ticket/getticket", "type=jsapi"},
		{"no type where one is needed", errcode.WeCom, "/cgi-bin/ticket/get", ""},
		{"MP's type on WeCom", errcode.WeCom, "/cgi-bin/ticket/get", "type=jsapi"},
		{"a malformed query", errcode.MP, "/cgi-bin/ticket/getticket", "type=%"},
		{"another platform", "", "/cgi-bin/ticket/getticket", ""},
	} {
		kind, err := TicketKind(c.platform, c.path, httptest.NewRequest("GET", c.path+"?"+c.query, nil), nil)
		if r := refused(t, c.name, err); r.Status != http.StatusBadRequest || kind != "" {
			t.Errorf("%s: %d, %q", c.name, r.Status, kind)
		}
	}
}

func TestTicketLifeCountsFromFirstSeen(t *testing.T) {
	t.Parallel()
	seen := time.Unix(1700000000, 0)
	c := token.Credential{FirstSeenAt: seen, ExpiresIn: 2 * time.Hour, FetchedAt: seen.Add(time.Hour)}
	for _, row := range []struct {
		name  string
		after time.Duration
		want  int
	}{
		{"at once", 0, 7200},
		{"half a second later", 500 * time.Millisecond, 7199},
		{"after it was fetched again", 90 * time.Minute, 1800},
		{"in its last minute", 2*time.Hour - time.Second, 60},
		{"at its end", 2 * time.Hour, 60},
		{"by a clock that is behind", -time.Hour, 7200},
	} {
		if got := TicketLife(c, seen.Add(row.after)); got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
}
