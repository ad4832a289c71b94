package proxy

import (
	"fmt"
	"net/http"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/errcode"
)

// naming is everything in a call that may name an account.
type naming struct {
	path        string // behind /@
	fromAppID   string
	placeholder string // the account a placeholder stands for
	appID       string // where the path's own appid parameter picks the account
	lenient     bool   // an appID that is none of ours names nothing
	door        errcode.Platform
}

// resolve says which account a call means. All that name one must mean the
// same. A nil account without a refusal: it names none, and there is none for
// such calls.
func (d *Directory) resolve(n naming, client *access.Client) (*Account, *answer.Refusal) {
	var meant *Account
	for _, by := range []struct {
		name  string
		what  string
		other int  // status where it is another than the one before
		skip  bool // it may name nothing
	}{
		{n.path, "the path", http.StatusBadRequest, false},
		{n.fromAppID, "from_appid", http.StatusBadRequest, false},
		{n.placeholder, "the placeholder", http.StatusForbidden, false},
		{n.appID, "appid", http.StatusBadRequest, n.lenient},
	} {
		if by.name == "" {
			continue
		}
		a := d.find(by.name, client, n.door)
		switch {
		case a == nil && by.skip:
		case a == nil:
			return nil, unknownAccount(by.name)
		case meant == nil:
			meant = a
		case a != meant && a.ID == meant.ID && by.name == a.ID: // another agent of the same corpid
		case a != meant:
			return nil, &answer.Refusal{Status: by.other, Message: fmt.Sprintf("%s means account %q, but the call is for %q", by.what, a.Name, meant.Name)}
		}
	}
	if meant == nil {
		return d.fallback(client, n.door), nil
	}
	if n.door != "" && meant.Platform != n.door {
		return nil, malformed(fmt.Sprintf("account %q is not of the platform of this host", meant.Name))
	}
	return meant, nil
}

func unknownAccount(name string) *answer.Refusal {
	return &answer.Refusal{Status: http.StatusNotFound, Message: fmt.Sprintf("there is no account %q", short(name))}
}

func noAccount() *answer.Refusal {
	return &answer.Refusal{Status: http.StatusNotFound, Message: "this call names no account, and there is no default one: call /@account/…"}
}

// short bounds what is repeated of a client's own words.
func short(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
