package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

var secrets = map[string]secret.Secret{
	"shop":  secret.New("shop's AppSecret"),
	"staff": secret.New("staff's AppSecret"),
}

func secretOf(account string) secret.Secret { return secrets[account] }

func TestTheFirstCredentialDecides(t *testing.T) {
	t.Parallel()
	p := policy(t, Options{Clients: specs()})
	held := func(client, account string) string { return Mint(secrets[account], account, p.byName[client]) }
	for _, c := range []struct {
		name    string
		o       Offer
		client  string
		account string
		err     error
	}{
		{"nothing", Offer{}, "", "", ErrNoKey},
		{"a key", Offer{Bearer: "billing's key"}, "billing", "", nil},
		{"a wrong key", Offer{Bearer: "billing's"}, "", "", ErrWrongKey},
		{"a key in another case", Offer{Bearer: "Billing's key"}, "", "", ErrWrongKey},
		{"a name for a key", Offer{Bearer: "billing"}, "", "", ErrWrongKey},
		{"a hash for a key", Offer{Bearer: fmt.Sprintf("%x", hash("billing's key"))}, "", "", ErrWrongKey},
		{"a password", Offer{Basic: "root's key"}, "root", "", nil},
		{"a wrong password", Offer{Basic: "root"}, "", "", ErrWrongKey},
		{"a certificate", Offer{Cert: "machine"}, "machine", "", nil},
		{"a certificate of a client with a key", Offer{Cert: "root"}, "root", "", nil},
		{"a certificate of no client", Offer{Cert: "web-1"}, "", "", ErrWrongKey},
		{"a placeholder", Offer{Placeholder: held("billing", "staff")}, "billing", "staff", nil},
		{"a placeholder of a client without a key", Offer{Placeholder: held("machine", "shop")}, "machine", "shop", nil},
		{"a token of WeChat's", Offer{Placeholder: "68_abc"}, "", "", ErrNoPlaceholder},
		{"a placeholder for an account that is gone", Offer{Placeholder: Mint(secret.New("x"), "gone", p.byName["root"])}, "", "", ErrNoPlaceholder},
		{"an anonymous placeholder", Offer{Placeholder: Mint(secrets["shop"], "shop", &Client{})}, "", "", ErrNoPlaceholder},
		{"a key before a password", Offer{Bearer: "root's key", Basic: "billing's key"}, "root", "", nil},
		{"a wrong key before a password", Offer{Bearer: "x", Basic: "billing's key"}, "", "", ErrWrongKey},
		{"a password before a certificate", Offer{Basic: "root's key", Cert: "machine"}, "root", "", nil},
		{"a wrong password before a certificate", Offer{Basic: "x", Cert: "machine"}, "", "", ErrWrongKey},
		{"a certificate before a placeholder", Offer{Cert: "machine", Placeholder: held("root", "shop")}, "machine", "shop", nil},
		{"a certificate before a bad placeholder", Offer{Cert: "machine", Placeholder: "x"}, "machine", "", nil},
		{"a placeholder through a machine's certificate", Offer{Cert: "web-1", Placeholder: held("root", "shop")}, "root", "shop", nil},
		{"a bad placeholder through a machine's certificate", Offer{Cert: "web-1", Placeholder: "x"}, "", "", ErrNoPlaceholder},
		{"a wrong key before a placeholder", Offer{Bearer: "x", Placeholder: held("root", "shop")}, "", "", ErrWrongKey},
		{"a key before a placeholder, which names the account", Offer{Bearer: "root's key", Placeholder: held("billing", "staff")}, "root", "staff", nil},
		{"a key before what an SDK made up", Offer{Bearer: "root's key", Placeholder: "x"}, "root", "", nil},
	} {
		c.o.Secret = secretOf
		id, err := p.Identify(c.o)
		if !errors.Is(err, c.err) || (id.Client == nil) != (err != nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
			continue
		}
		if err == nil && (id.Client.Name != c.client || id.Account != c.account) {
			t.Errorf("%s: %q for %q, want %q for %q", c.name, id.Client.Name, id.Account, c.client, c.account)
		}
	}
	if _, err := p.Identify(Offer{Placeholder: held("root", "shop")}); !errors.Is(err, ErrNoPlaceholder) {
		t.Errorf("a placeholder without secrets: %v", err)
	}
}

func TestAnonymous(t *testing.T) {
	t.Parallel()
	p := policy(t, Options{Anonymous: true})
	for _, o := range []Offer{{}, {Bearer: "x"}, {Basic: "x"}, {Cert: "x"}, {Placeholder: "x"}} {
		id, err := p.Identify(o)
		if err != nil || id.Client.Name != "" || id.Account != "" || !id.Client.MayUse("any") {
			t.Errorf("%v: %+v, %v", o, id, err)
		}
	}
	id, err := p.Identify(Offer{Placeholder: Mint(secrets["shop"], "shop", p.ClientByKey("anything"))})
	if err != nil || id.Account != "shop" {
		t.Errorf("a placeholder: %+v, %v", id, err)
	}
	if _, ok := id.Client.Take(t0); !ok || !p.Anonymous() {
		t.Error("an anonymous client has a rate")
	}
}

func TestWithoutClientsNoOneIsLetIn(t *testing.T) {
	t.Parallel()
	p := policy(t, Options{})
	if _, err := p.Identify(Offer{Bearer: "x"}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("with a key: %v", err)
	}
	if _, err := p.Identify(Offer{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("with none: %v", err)
	}
	if p.ClientByKey("") != nil || p.Anonymous() {
		t.Error("somebody is let in")
	}
}

func TestAClientWithoutAKeyMatchesNoKey(t *testing.T) {
	t.Parallel()
	p := policy(t, Options{Clients: []ClientSpec{{Name: "machine"}}})
	for _, key := range []string{"", "machine", string(make([]byte, 32))} {
		if c := p.ClientByKey(key); c != nil {
			t.Errorf("%q is %s's key", key, c.Name)
		}
	}
}

func TestOfferPrintsNoKey(t *testing.T) {
	t.Parallel()
	o := Offer{Bearer: "canary", Basic: "canary", Cert: "canary", Placeholder: "canary"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(verb, o); strings.Contains(s, "canary") || !strings.Contains(s, "bearer, basic") {
			t.Errorf("%s: %s", verb, s)
		}
	}
}
