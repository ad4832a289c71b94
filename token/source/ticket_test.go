package source

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// keeper keeps a token that source brings. The test must let the Manager end.
func keeper(t *testing.T, source token.SourceFunc) *token.Keeper {
	t.Helper()
	m := token.NewManager(token.Options{})
	t.Cleanup(m.Close)
	m.Set([]token.Account{{Name: "shop", ID: "wx1", Credentials: []token.Spec{
		{Kind: token.AccessToken, Source: source, Schedule: token.StableSchedule()},
	}}})
	return m.Keeper("shop", token.AccessToken)
}

// stable gives T1 until it is forced, then T2.
func stable() token.SourceFunc {
	value := "T1"
	return func(_ context.Context, r token.FetchRequest) (token.Fetched, error) {
		if r.Force {
			value = "T2"
		}
		return token.Fetched{Value: secret.New(value), ExpiresIn: 2 * time.Hour}, nil
	}
}

func TestTicketPaths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p    errcode.Platform
		kind token.Kind
		want string // "": there is no such ticket
	}{
		{errcode.MP, token.JSAPI, "/cgi-bin/ticket/getticket?access_token=T1&type=jsapi"},
		{errcode.MP, token.WXCard, "/cgi-bin/ticket/getticket?access_token=T1&type=wx_card"},
		{errcode.MP, token.SDK, "/cgi-bin/ticket/getticket?access_token=T1&type=2"},
		{errcode.MP, token.AgentConfig, ""},
		{errcode.MP, token.AccessToken, ""},
		{errcode.WeCom, token.JSAPI, "/cgi-bin/get_jsapi_ticket?access_token=T1"},
		{errcode.WeCom, token.AgentConfig, "/cgi-bin/ticket/get?access_token=T1&type=agent_config"},
		{errcode.WeCom, token.WXCard, ""},
	} {
		s := serve(t, says(200, `{"errcode":0,"errmsg":"ok","ticket":"K","expires_in":7200}`))
		v, err := fetch(t.Context(), client(t, s.URL).Ticket(keeper(t, stable()), c.p, c.kind))
		if (err == nil) != (c.want != "") || (v == "K") != (c.want != "") {
			t.Errorf("%s %s: %q, %v", c.p, c.kind, v, err)
		}
		if r := s.requests(); c.want != "" && (len(r) != 1 || r[0].Target != c.want || r[0].Method != "GET") {
			t.Errorf("%s %s: sent %+v", c.p, c.kind, r)
		}
	}
}

func TestATicketClimbsTheLadder(t *testing.T) {
	t.Parallel()
	const yes, no = `{"errcode":0,"ticket":"K","expires_in":7200}`, `{"errcode":42001,"errmsg":"access_token expired"}`
	for _, c := range []struct {
		name string
		says func(tok string, n int) string // the answer to the n-th request
		sent []string
		code int // of the error; 0: none
	}{
		{"in a quiet world it is asked for once", func(string, int) string { return yes }, []string{"T1"}, 0},
		{"a moment's refusal is slept over", func(_ string, n int) string {
			if n == 1 {
				return no
			}
			return yes
		}, []string{"T1", "T1"}, 0},
		{"a dead token is renewed by force", func(tok string, _ int) string {
			if tok == "T1" {
				return no
			}
			return yes
		}, []string{"T1", "T1", "T2"}, 0},
		{"three times and no more", func(string, int) string { return no }, []string{"T1", "T1", "T2"}, 42001},
		{"any other no is final", func(string, int) string { return `{"errcode":48001}` }, []string{"T1"}, 48001},
	} {
		synctest.Test(t, func(t *testing.T) {
			var sent []string
			cl := newClient(t, Options{Upstreams: []string{"https://a"}, Transport: trips{"a": func(r *http.Request) (*http.Response, error) {
				time.Sleep(10 * time.Millisecond)
				tok := r.URL.Query().Get("access_token")
				sent = append(sent, tok)
				return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(c.says(tok, len(sent))))}, nil
			}}})
			v, err := fetch(t.Context(), cl.Ticket(keeper(t, stable()), errcode.MP, token.JSAPI))
			var said *errcode.Error
			errors.As(err, &said)
			if !slices.Equal(sent, c.sent) {
				t.Errorf("%s: sent with %v, want %v", c.name, sent, c.sent)
			}
			if c.code == 0 && (v != "K" || err != nil) || c.code != 0 && (said == nil || said.Code != c.code || said.Endpoint != errcode.API) {
				t.Errorf("%s: got %q, %v", c.name, v, err)
			}
		})
	}
}

func TestATokensTroubleIsNotTheTickets(t *testing.T) {
	t.Parallel()
	no := &errcode.Error{Platform: errcode.MP, Endpoint: errcode.Token, Code: 40125, Msg: "invalid appsecret"}
	k := keeper(t, func(context.Context, token.FetchRequest) (token.Fetched, error) { return token.Fetched{}, no })
	_, err := fetch(t.Context(), client(t, dead).Ticket(k, errcode.MP, token.JSAPI))
	var said *errcode.Error
	if err == nil || errors.As(err, &said) || !strings.Contains(err.Error(), "40125") {
		t.Errorf("got %v: it must tell of WeChat's no, but not pass for one about the ticket", err)
	}
}
