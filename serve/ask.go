package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Bounds of a question of the operator's to WeChat.
const (
	askTimeout = 20 * time.Second // all of it
	askAttempt = 5 * time.Second  // at one host
	maxAnswer  = 256 << 10        // bytes
)

// ask puts a question of the operator's to one of WeChat's diagnostic APIs, with
// the account's token; those APIs are closed to clients by default. It returns
// WeChat's answer, and what takes every token and secret out of that. WeChat's
// no is an *errcode.Error, an account that is not there token.ErrUnknown.
func (a *app) ask(ctx context.Context, account, path string, question any) (doc []byte, clean scrubber, err error) {
	c, hosts, ok := a.findAccount(account)
	keeper := a.manager.Keeper(account, token.AccessToken)
	switch {
	case !ok || keeper == nil:
		return nil, clean, token.ErrUnknown
	case accountOf(c).Platform() != errcode.MP:
		return nil, clean, errors.New("WeCom cannot be asked about that")
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
		doc, err := askHosts(ctx, a.tokens, hosts, path, use.Value(), body)
		if err != nil {
			return nil, clean, errors.New(clean.text(err.Error()))
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

// findAccount returns an account's settings, and its hosts.
func (a *app) findAccount(name string) (c config.Account, hosts []string, ok bool) {
	cfg := a.settings.Load()
	for _, c := range cfg.Accounts {
		if c.Name == name {
			return c, cfg.Upstreams, true
		}
	}
	return config.Account{}, nil, false
}

// askHosts puts the question to the hosts in order, until one answers: asking
// twice does no harm.
func askHosts(ctx context.Context, t http.RoundTripper, hosts []string, path string, tok secret.Secret, body []byte) (doc []byte, err error) {
	err = errors.New("no upstream is configured")
	for _, base := range hosts {
		if doc, err = askAt(ctx, t, base, path, tok, body); err == nil || ctx.Err() != nil {
			return doc, err
		}
	}
	return nil, err
}

func askAt(ctx context.Context, t http.RoundTripper, base, path string, tok secret.Secret, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askAttempt)
	defer cancel()
	address := base + path + "?" + url.Values{"access_token": {tok.Reveal()}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the upstream is no base URL") // the error quotes the address
	}
	req.Header.Set("Content-Type", "application/json")
	// The transport itself: an http.Client follows redirects, token and all.
	resp, err := t.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %s", req.URL.Host, networkTrouble(err, time.Now()))
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer of %s: %w", req.URL.Host, err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers with HTTP status %d", req.URL.Host, resp.StatusCode)
	case len(doc) > maxAnswer:
		return nil, fmt.Errorf("the answer of %s is longer than 256 KiB", req.URL.Host)
	}
	return doc, nil
}
