package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/fromconfig"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Bounds of a question of the operator's to WeChat.
const (
	askTimeout = 20 * time.Second // all attempts together
	maxAnswer  = 256 << 10        // bytes
)

// ask puts a question of the operator's to one of WeChat's diagnostic APIs, with
// the account's token; those APIs are closed to clients by default. It returns
// WeChat's answer, and what takes every token and secret out of that. WeChat's
// no is an *errcode.Error, an account that is not there token.ErrUnknown.
func (a *app) ask(ctx context.Context, account, path string, question any) (doc []byte, clean scrubber, err error) {
	c, ok := a.findAccount(account)
	keeper := a.manager.Keeper(account, token.AccessToken)
	switch {
	case !ok || keeper == nil:
		return nil, clean, token.ErrUnknown
	case fromconfig.Account(c).Platform() != errcode.MP:
		return nil, clean, errors.New("supported for official accounts only, not for WeCom")
	}
	body, err := json.Marshal(question)
	if err != nil {
		return nil, clean, fmt.Errorf("ask WeChat: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	use, err := keeper.Use(ctx)
	if err != nil {
		return nil, clean, err
	}
	clean.add(c.Secret.Reveal())
	for {
		clean.add(use.Value().Reveal())
		use.Sending()
		doc, err := a.askOnce(ctx, path, use.Value(), body)
		if err != nil {
			return nil, clean, err
		}
		said, found := errcode.Find(doc)
		if !found || said.Code == 0 {
			use.Accepted()
			return doc, clean, nil
		}
		no := &errcode.Error{Platform: errcode.MP, Endpoint: errcode.API, Code: said.Code, Msg: clean.text(said.Msg), RID: said.RID}
		if no.Verdict() != errcode.Renew || !use.Rejected(ctx, said.Code) {
			return nil, clean, no
		}
	}
}

// askOnce puts the question with one token to the hosts in order until one
// answers: asking twice does no harm.
func (a *app) askOnce(ctx context.Context, path string, tok secret.Secret, body []byte) ([]byte, error) {
	answer, err := a.questions.Send(ctx, &wechat.Call{
		Method: http.MethodPost, Path: path, Query: url.Values{"access_token": {tok.Reveal()}}.Encode(),
		Header: http.Header{"Content-Type": {"application/json"}, "Accept-Encoding": {"identity"}, "User-Agent": {"wechat-token-proxy"}},
		Body:   wechat.Bytes(body), Repeat: wechat.RepeatAlways,
	})
	if err != nil {
		return nil, fmt.Errorf("ask WeChat: %w", err)
	}
	defer answer.Body.Close()
	doc, err := wechat.ReadPlain(answer, maxAnswer+1)
	switch {
	case errors.Is(err, wechat.ErrTooLong):
		return nil, fmt.Errorf("ask WeChat: the answer of %s is longer than 256 KiB", answer.Host)
	case err != nil:
		return nil, fmt.Errorf("ask WeChat: %w", err)
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("ask WeChat: %s answered with HTTP status %d", answer.Host, answer.StatusCode)
	}
	return doc, nil
}

// findAccount returns an account's settings.
func (a *app) findAccount(name string) (config.Account, bool) {
	for _, c := range a.settings.Load().Accounts {
		if c.Name == name {
			return c, true
		}
	}
	return config.Account{}, false
}
