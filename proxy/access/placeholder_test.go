package access

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

var t0 = time.Unix(1700000000, 0)

// SDKs append an access_token without escaping it, keep it in a varchar(512) and
// compare it with the one before (all observed in the field).
func TestPlaceholderIsStableShortAndURLSafe(t *testing.T) {
	t.Parallel()
	safe := regexp.MustCompile(`^[A-Za-z0-9_-]{1,512}$`)
	long := strings.Repeat("客", 21) // 63 bytes
	for _, c := range []struct{ client, account string }{
		{"billing", "shop"}, {"", "default"}, {long, long}, {strings.Repeat("a", 62), strings.Repeat("b", 61)},
	} {
		replica := func() string {
			return Mint(secret.New("s"), c.account, &Client{Name: c.client, key: hash("k")})
		}
		s := replica()
		if !safe.MatchString(s) {
			t.Errorf("%s/%s: %s", c.client, c.account, s)
		}
		if s != replica() {
			t.Errorf("%s/%s: two replicas differ", c.client, c.account)
		}
		if claim, ok := Parse(s); !ok || claim.Client != c.client || claim.Account != c.account {
			t.Errorf("%s/%s parses as %+v, %v", c.client, c.account, claim, ok)
		}
	}
}

// The bytes are a promise: replicas of different releases must agree. They were
// computed with another implementation (Python).
func TestPlaceholderGolden(t *testing.T) {
	t.Parallel()
	got := Mint(secret.New("shop's AppSecret"), "shop", &Client{Name: "billing", key: hash("billing's key")})
	const want = "wtp1_B2JpbGxpbmdzaG9wHaTO3ntIcVt7lapJbSwACUJwN4XGilm9X2T9CLmH8NA"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestForgingAPlaceholder(t *testing.T) {
	t.Parallel()
	key := secret.New("shop's AppSecret")
	billing := &Client{Name: "billing", key: hash("billing's key")}
	root := &Client{Name: "root", key: hash("root's key")}
	good := Mint(key, "shop", billing)
	if !Verify(good, key, billing) {
		t.Fatal("the good one is refused")
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(good, placeholderPrefix))
	if err != nil {
		t.Fatal(err)
	}
	edited := func(edit func([]byte) []byte) string {
		return placeholderPrefix + base64.RawURLEncoding.EncodeToString(edit([]byte(string(raw))))
	}
	for _, c := range []struct {
		name   string
		s      string
		secret secret.Secret
		client *Client
	}{
		{"made with the key's hash alone", Mint(secret.Secret{}, "shop", billing), key, billing},
		{"made with the key's hash for a secret", Mint(secret.New(string(billing.key[:])), "shop", billing), key, billing},
		{"where there is no secret", Mint(secret.Secret{}, "shop", billing), secret.Secret{}, billing},
		{"held by another client", good, key, root},
		{"that says it is another client's", edited(func(b []byte) []byte {
			return append(append([]byte{4}, "rootshop"...), b[len(b)-32:]...)
		}), key, root},
		{"that says it is for another account", edited(func(b []byte) []byte {
			b[1+len("billing")] = 'c'
			return b
		}), key, billing},
		{"with a letter moved from one name to the other", edited(func(b []byte) []byte {
			b[0]++
			return b
		}), key, &Client{Name: "billings", key: billing.key}},
		{"made for another account's secret", Mint(secret.New("staff's"), "shop", billing), key, billing},
		{"after the client's key was changed", good, key, &Client{Name: "billing", key: hash("new")}},
		{"after the AppSecret was changed", good, secret.New("new"), billing},
		{"with a bit of the MAC turned", edited(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), key, billing},
		{"with the MAC cut", edited(func(b []byte) []byte { return b[:len(b)-1] }), key, billing},
		{"with a letter behind", good + "A", key, billing},
		{"with a newline in it", good[:9] + "\n" + good[9:], key, billing},
		{"with padding", good + "=", key, billing},
		{"in capitals", strings.ToUpper(good), key, billing},
		{"without the prefix", strings.TrimPrefix(good, placeholderPrefix), key, billing},
		{"anonymous", Mint(key, "shop", &Client{}), key, billing},
		{"empty", "", key, billing},
	} {
		if Verify(c.s, c.secret, c.client) {
			t.Errorf("a placeholder %s is taken", c.name)
		}
	}
}

func FuzzParsePlaceholder(f *testing.F) {
	f.Add(Mint(secret.New("s"), "shop", &Client{Name: "billing"}))
	f.Add(Mint(secret.New("s"), "shop", &Client{}))
	f.Add(placeholderPrefix)
	f.Add(placeholderPrefix + base64.RawURLEncoding.EncodeToString(make([]byte, 34)))
	f.Add(placeholderPrefix + strings.Repeat("_", 300))
	key := secret.New("s")
	f.Fuzz(func(t *testing.T, s string) {
		claim, ok := Parse(s)
		if !ok {
			if claim != (Claim{}) {
				t.Errorf("no placeholder, yet it claims %+v", claim)
			}
			return
		}
		if len(s) > 512 || claim.Account == "" || len(claim.Account) > maxName || len(claim.Client) > maxName {
			t.Errorf("claim %+v of %q", claim, s)
		}
		c := &Client{Name: claim.Client}
		again := Mint(key, claim.Account, c)
		if back, ok := Parse(again); !ok || back != claim {
			t.Errorf("%+v became %+v", claim, back)
		}
		if Verify(s, key, c) != (s == again) {
			t.Errorf("%q is written in two ways", s)
		}
	})
}

func BenchmarkIdentifyPlaceholder(b *testing.B) {
	p := policy(b, Options{Clients: specs()})
	o := Offer{Placeholder: Mint(secrets["shop"], "shop", p.byName["billing"]), Secret: secretOf}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Identify(o); err != nil {
			b.Fatal(err)
		}
	}
}
