package source_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/source"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

func TestAccountsAreToldApart(t *testing.T) {
	t.Parallel()
	shop := source.Account{Name: "shop", Kind: source.KindOfficial, AppID: "wx1", Secret: secret.New("canary")}
	if shop.ID() != "wx1" || shop.Platform() != errcode.MP {
		t.Errorf("%s of %s", shop.ID(), shop.Platform())
	}
	staff := source.Account{Name: "staff", Kind: source.KindWeCom, AppID: "ww1", AgentID: 7}
	if staff.ID() != "ww1-7" || staff.Platform() != errcode.WeCom {
		t.Errorf("%s of %s", staff.ID(), staff.Platform())
	}
	same := shop
	same.Name, same.Tickets = "another name", []string{"jsapi"}
	if same.Fingerprint() != shop.Fingerprint() {
		t.Error("the fingerprint depends on what does not concern the token")
	}
	seen := map[string]bool{shop.Fingerprint(): true}
	for _, change := range []func(*source.Account){
		func(a *source.Account) { a.Kind = source.KindWeCom },
		func(a *source.Account) { a.AppID = "wx2" },
		func(a *source.Account) { a.AgentID = 7 },
		func(a *source.Account) { a.TokenAPI = source.TokenAPILegacy },
		func(a *source.Account) { a.Secret = secret.New("another") },
	} {
		a := shop
		change(&a)
		seen[a.Fingerprint()] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d fingerprints, want 6", len(seen))
	}
	if strings.Contains(shop.Fingerprint(), "canary") {
		t.Error("the fingerprint holds the secret")
	}
}

func TestCredentialsOfAnAccount(t *testing.T) {
	t.Parallel()
	client, err := source.NewClient(source.Options{Upstreams: []string{"https://api.weixin.qq.com"}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	unknown := func(string, token.Kind) *token.Keeper { return nil }
	for _, c := range []struct {
		account source.Account
		want    string
	}{
		{source.Account{Name: "shop", Kind: source.KindOfficial, Tickets: []string{"wx_card"}}, "access_token! jsapi wx_card! sdk"},
		{source.Account{Name: "staff", Kind: source.KindWeCom}, "access_token! jsapi agent_config"},
	} {
		got := client.Credentials(c.account, unknown)
		var kinds []string
		for _, s := range got.Credentials {
			kind := string(s.Kind)
			if s.Eager {
				kind += "!"
			}
			kinds = append(kinds, kind)
		}
		if s := strings.Join(kinds, " "); s != c.want || got.Name != c.account.Name || got.ID != c.account.ID() {
			t.Errorf("%s: %s, want %s", got.Name, s, c.want)
		}
		if _, err := got.Credentials[1].Source.Fetch(t.Context(), token.FetchRequest{}); !errors.Is(err, token.ErrUnknown) {
			t.Errorf("a ticket of an account that is not kept: %v", err)
		}
	}
}
