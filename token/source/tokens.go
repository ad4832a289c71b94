package source

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Stable returns the source of appid's access_token at POST
// /cgi-bin/stable_token ("Get stable access token" in WeChat's server API
// docs). Asking again gives the same value until its last five minutes; forced
// it gives a new one, at most 20 times a day and 30 s apart.
func (c *Client) Stable(appid string, secret secret.Secret) token.Source {
	return token.SourceFunc(func(ctx context.Context, r token.FetchRequest) (token.Fetched, error) {
		normal := stableBody{GrantType: grant, AppID: appid, Secret: secret.Reveal()}
		q := question{
			platform: errcode.MP, endpoint: errcode.Token, path: "/cgi-bin/stable_token",
			field: "access_token", secrets: forms(secret),
		}
		if r.Force {
			forced := normal
			forced.ForceRefresh = true
			q.body, q.once = forced.encode(), true
			got, executed, err := c.ask(ctx, q)
			if err == nil || !executed {
				return got, err
			}
			// It may have been executed: forcing again would cost another of the day's.
			// Asked in normal mode, WeChat gives what the first one made.
		}
		q.body, q.once = normal.encode(), false
		got, _, err := c.ask(ctx, q)
		return got, err
	})
}

type stableBody struct {
	GrantType    string `json:"grant_type"`
	AppID        string `json:"appid"`
	Secret       string `json:"secret"`
	ForceRefresh bool   `json:"force_refresh,omitempty"`
}

func (b stableBody) encode() []byte {
	doc, _ := json.Marshal(b) // strings and a bool: cannot fail
	return doc
}

const grant = "client_credential"

// Legacy returns the source of appid's access_token at GET /cgi-bin/token ("Get
// access token" in WeChat's server API docs). Every fetch gives a new value
// and ends the life of the one before within five minutes.
func (c *Client) Legacy(appid string, secret secret.Secret) token.Source {
	return token.SourceFunc(func(ctx context.Context, _ token.FetchRequest) (token.Fetched, error) {
		got, _, err := c.ask(ctx, question{
			platform: errcode.MP, endpoint: errcode.Token, path: "/cgi-bin/token",
			query: url.Values{"grant_type": {grant}, "appid": {appid}, "secret": {secret.Reveal()}},
			field: "access_token", secrets: forms(secret),
		})
		return got, err
	})
}

// WeCom returns the source of a WeCom agent's access_token at GET
// /cgi-bin/gettoken ("Get access_token" in WeCom's docs). secret is the
// agent's: each agent of a corp has a token of its own.
func (c *Client) WeCom(corpid string, secret secret.Secret) token.Source {
	return token.SourceFunc(func(ctx context.Context, _ token.FetchRequest) (token.Fetched, error) {
		got, _, err := c.ask(ctx, question{
			platform: errcode.WeCom, endpoint: errcode.Token, path: "/cgi-bin/gettoken",
			query: url.Values{"corpid": {corpid}, "corpsecret": {secret.Reveal()}},
			field: "access_token", secrets: forms(secret),
		})
		return got, err
	})
}
