package source

import (
	"slices"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

func TestWhatGoesOverTheWire(t *testing.T) {
	t.Parallel()
	odd := secret.New("a+b&c=d")
	for _, c := range []struct {
		name   string
		source func(*Client) token.Source
		force  bool
		want   seen
	}{
		{
			"stable_token is a POST of JSON with a length",
			func(c *Client) token.Source { return c.Stable("wx1", appSecret) }, false,
			seen{Method: "POST", Target: "/cgi-bin/stable_token", Type: "application/json", Length: 66, Body: `{"grant_type":"client_credential","appid":"wx1","secret":"s3cret"}`},
		},
		{
			"forced it says so",
			func(c *Client) token.Source { return c.Stable("wx1", appSecret) }, true,
			seen{Method: "POST", Target: "/cgi-bin/stable_token", Type: "application/json", Length: 87, Body: `{"grant_type":"client_credential","appid":"wx1","secret":"s3cret","force_refresh":true}`},
		},
		{
			"the legacy token is a GET, forced or not",
			func(c *Client) token.Source { return c.Legacy("wx1", odd) }, true,
			seen{Method: "GET", Target: "/cgi-bin/token?appid=wx1&grant_type=client_credential&secret=a%2Bb%26c%3Dd"},
		},
		{
			"so is WeCom's",
			func(c *Client) token.Source { return c.WeCom("ww1", odd) }, false,
			seen{Method: "GET", Target: "/cgi-bin/gettoken?corpid=ww1&corpsecret=a%2Bb%26c%3Dd"},
		},
	} {
		s := serve(t, says(200, good))
		got, err := c.source(client(t, s.URL)).Fetch(t.Context(), token.FetchRequest{Force: c.force})
		if err != nil || got.Value.Reveal() != "T" || got.ExpiresIn != 2*time.Hour {
			t.Errorf("%s: got %q for %v, %v", c.name, got.Value.Reveal(), got.ExpiresIn, err)
		}
		if r := s.requests(); !slices.Equal(r, []seen{c.want}) {
			t.Errorf("%s: sent %+v\nwant %+v", c.name, r, c.want)
		}
	}
}

func TestABaseURLMayHaveAPath(t *testing.T) {
	t.Parallel()
	s := serve(t, says(200, good))
	if _, err := fetch(t.Context(), client(t, s.URL+"/wx/").WeCom("ww1", appSecret)); err != nil {
		t.Fatal(err)
	}
	if got := s.requests()[0].Target; got != "/wx/cgi-bin/gettoken?corpid=ww1&corpsecret=s3cret" {
		t.Errorf("asked %s", got)
	}
}
