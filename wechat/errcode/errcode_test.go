package errcode

import "testing"

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		p    Platform
		e    Endpoint
		code int
		want Verdict
	}{
		{"a stale token at an API is renewed", MP, API, 40001, Renew},
		{"so is a malformed one", MP, API, 40014, Renew},
		{"and an expired one", MP, API, 42001, Renew},
		{"at the token endpoint the same number is a wrong secret", MP, Token, 40001, Denied},
		{"a user's token is not ours to renew", MP, User, 40001, Caller},
		{"nor at any /sns/ path", MP, User, 42001, Caller},
		{"WeCom's 40001 is a wrong secret", WeCom, API, 40001, Caller},
		{"at its token endpoint too", WeCom, Token, 40001, Denied},
		{"WeCom's invalid token is renewed", WeCom, API, 40014, Renew},
		{"and its expired one", WeCom, API, 42001, Renew},
		{"a wrong appid is a no", MP, Token, 40013, Denied},
		{"a wrong secret is a no", MP, Token, 40125, Denied},
		{"a frozen secret is a no", MP, Token, 40243, Denied},
		{"an IP that is not allowed is a no", MP, Token, 40164, Denied},
		{"at an API too", MP, API, 40164, Denied},
		{"an IP to be confirmed is a no", MP, Token, 89503, Denied},
		{"an untrusted IP is WeCom's no", WeCom, Token, 60020, Denied},
		{"a missing secret cannot be mended by asking again", MP, Token, 41004, Denied},
		{"busy", MP, API, -1, Busy},
		{"busy, at the token endpoint too", MP, Token, -1, Busy},
		{"a used-up quota", MP, API, 45009, Limited},
		{"a retired access point", MP, API, 48017, Retired},
		{"by its other number", MP, API, 410, Retired},
		{"a picture's size in one world", MP, API, 40082, Caller},
		{"a user who does not follow", MP, API, 43004, Caller},
		{"an unknown number", MP, API, 999999, Caller},
		{"a yes", WeCom, Token, 0, OK},
	} {
		if got := Classify(c.p, c.e, c.code); got != c.want {
			t.Errorf("%s: %s %s %d is %q, want %q", c.name, c.p, c.e, c.code, got, c.want)
		}
	}
}

func TestEveryDeniedCodeHasAdvice(t *testing.T) {
	t.Parallel()
	for code := -1; code < 100000; code++ {
		for _, p := range []Platform{MP, WeCom} {
			a := AdviceFor(p, Token, code, "")
			if (a.EN == "") != (a.ZH == "") {
				t.Errorf("%s %d has advice in one language only", p, code)
			}
			if c, ok := lookup(p, code); ok && c.verdict == Denied && a.EN == "" {
				t.Errorf("%s %d is denied without advice", p, code)
			}
		}
	}
}
