package serve

import (
	"context"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

const ridPath = "/cgi-bin/openapi/rid/get"

// explain asks WeChat about a failed call of an account by the rid in WeChat's
// answer ("Get rid information" in WeChat's server API docs; WeChat remembers
// it for seven days). It returns WeChat's answer as JSON, with *** for every
// token and secret. The error is an *errcode.Error if WeChat answered with an
// errcode, and token.ErrUnknown if there is no such account.
func (a *app) explain(ctx context.Context, account, rid string) ([]byte, error) {
	if err := errcode.CheckRID(rid); err != nil {
		return nil, err
	}
	doc, clean, err := a.ask(ctx, account, ridPath, map[string]string{"rid": rid})
	if err != nil {
		return nil, err
	}
	return clean.document(doc)
}
