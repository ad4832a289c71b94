package serve

import (
	"context"
	"errors"
	"regexp"
)

const ridPath = "/cgi-bin/openapi/rid/get"

// ridForm is wider than what WeChat writes, "617682e0-21ea79ab-3a4424cd".
var ridForm = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// explain asks WeChat about a failed call of an account by the rid in WeChat's
// answer ("Get rid information" in WeChat's server API docs; WeChat remembers
// it for seven days). It returns WeChat's answer as JSON, with *** for every
// token and secret. The error is an *errcode.Error if WeChat answered with an
// errcode, and token.ErrUnknown if there is no such account.
func (a *app) explain(ctx context.Context, account, rid string) ([]byte, error) {
	if !ridForm.MatchString(rid) {
		return nil, errors.New("not a rid: WeChat writes one at the end of errmsg, such as 617682e0-21ea79ab-3a4424cd")
	}
	doc, clean, err := a.ask(ctx, account, ridPath, map[string]string{"rid": rid})
	if err != nil {
		return nil, err
	}
	return clean.document(doc)
}
