package access

import (
	"crypto/sha256"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

func hash(key string) [sha256.Size]byte { return sha256.Sum256([]byte(key)) }

// specs returns clients of every kind.
func specs() []ClientSpec {
	return []ClientSpec{
		{
			Name: "billing", KeySHA256: hash("billing's key"), Accounts: []string{"shop", "staff"},
			Allow: []string{"/cgi-bin/message/*", "POST /wxa/msg_sec_check", "GET /cgi-bin/menu/*"},
			Deny:  []string{"/cgi-bin/message/mass/*"},
		},
		{Name: "root", KeySHA256: hash("root's key")},
		{Name: "cautious", KeySHA256: hash("cautious's key"), Deny: []string{"POST /cgi-bin/menu/*"}},
		{Name: "machine", Accounts: []string{"shop"}},
	}
}

func policy(t testing.TB, o Options) *Policy {
	t.Helper()
	p, err := New(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMayUseAndMayCall(t *testing.T) {
	t.Parallel()
	p := policy(t, Options{Clients: specs(), Deny: []string{"/cgi-bin/clear_quota*", "/tcb/usecloudaccesstoken"}})
	const (
		yes       = ""
		noAccount = "account"
	)
	for _, c := range []struct{ client, account, method, path, want string }{
		{"billing", "shop", "POST", "/cgi-bin/message/custom/send", yes},
		{"billing", "staff", "POST", "/cgi-bin/message/send", yes},
		{"billing", "default", "POST", "/cgi-bin/message/send", noAccount},
		{"billing", "Shop", "POST", "/cgi-bin/message/send", noAccount},
		{"billing", "shop", "POST", "/wxa/msg_sec_check", yes},
		{"billing", "shop", "GET", "/wxa/msg_sec_check", `client "billing" has no allow rule for GET /wxa/msg_sec_check`},
		{"billing", "shop", "GET", "/cgi-bin/menu/get", yes},
		{"billing", "shop", "HEAD", "/cgi-bin/menu/get", yes},
		{"billing", "shop", "POST", "/cgi-bin/menu/create", `client "billing" has no allow rule for POST /cgi-bin/menu/create`},
		{"billing", "shop", "POST", "/cgi-bin/message/mass/send", `POST /cgi-bin/message/mass/send is denied to client "billing" (rule /cgi-bin/message/mass/*)`},
		{"billing", "shop", "POST", "/cgi-bin/clear_quota", `POST /cgi-bin/clear_quota is denied to everyone (rule /cgi-bin/clear_quota*)`},
		{"billing", "shop", "GET", "/-/jssdk/config", `client "billing" has no allow rule for GET /-/jssdk/config`},
		{"root", "shop", "POST", "/cgi-bin/menu/create", yes},
		{"root", "default", "POST", "/cgi-bin/menu/create", yes},
		{"root", "shop", "POST", "/cgi-bin/clear_quota/v2", `POST /cgi-bin/clear_quota/v2 is denied to everyone (rule /cgi-bin/clear_quota*)`},
		{"cautious", "any", "GET", "/cgi-bin/menu/get", yes},
		{"cautious", "any", "POST", "/cgi-bin/menu/delete", `POST /cgi-bin/menu/delete is denied to client "cautious" (rule POST /cgi-bin/menu/*)`},
		{"cautious", "any", "post", "/cgi-bin/menu/delete", `post /cgi-bin/menu/delete is denied to client "cautious" (rule POST /cgi-bin/menu/*)`},
		{"machine", "shop", "POST", "/anything", yes},
		{"machine", "staff", "POST", "/anything", noAccount},
	} {
		client := p.byName[c.client]
		if !client.MayUse(c.account) {
			if c.want != noAccount {
				t.Errorf("%s may not use %s", c.client, c.account)
			}
			continue
		}
		v := p.MayCall(client, c.method, c.path)
		if v.Reason != c.want || v.OK != (c.want == yes) {
			t.Errorf("%s, %s: %s %s: %+v, want %q", c.client, c.account, c.method, c.path, v, c.want)
		}
	}
}

func TestOnlyTheCommonDenyListAppliesWithoutAKey(t *testing.T) {
	t.Parallel()
	p := policy(t, Options{Clients: specs(), Deny: []string{"/sns/userinfo"}})
	if v := p.MayCall(nil, "GET", "/sns/auth"); !v.OK {
		t.Errorf("refused: %+v", v)
	}
	if v := p.MayCall(nil, "GET", "/sns/userinfo"); v.OK || v.Rule != "/sns/userinfo" {
		t.Errorf("let through: %+v", v)
	}
}

func TestAReasonIsOneShortLine(t *testing.T) {
	t.Parallel()
	p := policy(t, Options{Deny: []string{"/*"}, Anonymous: true})
	r := p.MayCall(nil, "GET", "/a\r\nSet-Cookie: \xff"+strings.Repeat("字", 1000)).Reason
	if len(r) > 2*maxPrintable || strings.ContainsAny(r, "\r\n") || !utf8.ValidString(r) || !strings.HasPrefix(r, "GET /a??Set-Cookie: ?字") {
		t.Errorf("%q", r)
	}
}

func TestDefaultAccount(t *testing.T) {
	t.Parallel()
	p := policy(t, Options{Clients: specs()})
	for client, want := range map[string]string{"billing": "shop", "root": "", "machine": "shop"} {
		if got := p.byName[client].DefaultAccount(); got != want {
			t.Errorf("%s: %q, want %q", client, got, want)
		}
	}
}

func TestAllProblemsAreListed(t *testing.T) {
	t.Parallel()
	same := hash("the same")
	_, err := New(Options{
		Deny: []string{"nothing"},
		Clients: []ClientSpec{
			{Name: ""},
			{Name: strings.Repeat("x", 64)},
			{Name: "a", KeySHA256: same},
			{Name: "a"},
			{Name: "b", KeySHA256: same},
			{Name: "c", KeySHA256: hash("")},
			{Name: "d", Rate: -1},
			{Name: "e", Rate: math.NaN()},
			{Name: "f", Allow: []string{"x"}, Deny: []string{"y", "/z"}},
		},
	}, nil)
	const want = `deny: rule "nothing": path must start with /
client "": name is missing
client "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": name is longer than 63 bytes
client "a": duplicate name
client "b": same key as client "a"
client "c": key is empty
client "d": invalid rate -1/s, burst 0
client "e": invalid rate NaN/s, burst 0
client "f": rule "x": path must start with /
rule "y": path must start with /`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0)
	take := func(c *Client, at time.Duration) time.Duration {
		wait, ok := c.Take(now.Add(at))
		if ok != (wait == 0) {
			t.Errorf("at %v: %v, %v", at, wait, ok)
		}
		return wait
	}
	one := func(rate float64, burst int, previous *Policy) (*Policy, *Client) {
		p, err := New(Options{Clients: []ClientSpec{{Name: "a", Rate: rate, Burst: burst}}}, previous)
		if err != nil {
			t.Fatal(err)
		}
		return p, p.byName["a"]
	}

	_, c := one(2, 3, nil)
	for range 3 {
		if wait := take(c, 0); wait != 0 {
			t.Fatalf("a burst of three: wait %v", wait)
		}
	}
	for range 1000 { // calling too often costs nothing extra
		if wait := take(c, 0); wait != 500*time.Millisecond {
			t.Fatalf("the fourth: wait %v", wait)
		}
	}
	if wait := take(c, 250*time.Millisecond); wait != 250*time.Millisecond {
		t.Errorf("half way: wait %v", wait)
	}
	if wait := take(c, 500*time.Millisecond); wait != 0 {
		t.Errorf("after the time that was told: wait %v", wait)
	}

	if _, c := one(0, 0, nil); c.limiter != nil {
		t.Error("a limit where none was asked for")
	}
	if _, c := one(0.25, 0, nil); take(c, 0) != 0 || take(c, 0) != 4*time.Second {
		t.Error("a quarter a second is not one each four seconds")
	}
	if _, c := one(2.5, 0, nil); take(c, 0)+take(c, 0)+take(c, 0) != 0 {
		t.Error("2.5 a second are not three at once")
	}
	if _, c := one(1e-9, 0, nil); take(c, 0) != 0 || take(c, 0) != time.Hour {
		t.Error("a wait without end")
	}

	p, c := one(1, 1, nil)
	take(c, 0)
	if _, c := one(1, 1, p); take(c, 0) == 0 {
		t.Error("a reload gave back what had been used")
	}
	if _, c := one(2, 1, p); take(c, 0) != 0 {
		t.Error("another rate does not begin afresh")
	}
}

func TestSharedKey(t *testing.T) {
	t.Parallel()
	p := policy(t, Options{Clients: []ClientSpec{Shared(secret.New("k"))}, Anonymous: true})
	if p.Anonymous() {
		t.Error("anonymous although there is a key")
	}
	if c := p.ClientByKey("k"); c == nil || c.Name != "default" || !c.MayUse("any") {
		t.Errorf("%+v", c)
	}
	if cs := p.Clients(); len(cs) != 1 || cs[0].Name != "default" {
		t.Errorf("%v", cs)
	}
}
