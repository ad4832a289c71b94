package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

func TestConfigFileWithEveryKey(t *testing.T) {
	t.Parallel()
	c := account().and("PROXY_CONFIG_FILE", "testdata/full.yaml", "STAFF_SECRET", "CANARYenv").load(t)
	accounts := []Account{
		{Name: "default", Kind: "official", AppID: "wx01", Secret: secret.New("CANARYsecret"), TokenAPI: "stable", Source: "environment"},
		{Name: "shop", Kind: "official", AppID: "wx0123456789abcdef", Secret: secret.New("CANARYinline"), TokenAPI: "legacy", Tickets: []string{"jsapi", "wx_card"}, Source: "testdata/full.yaml:3"},
		{Name: "app.2", Kind: "official", AppID: "wxfedcba", Secret: secret.New("CANARYfile"), TokenAPI: "stable", Source: "testdata/full.yaml:8"},
		{Name: "staff", Kind: "wecom", AppID: "ww0123456789abcdef", AgentID: 1000002, Secret: secret.New("CANARYenv"), Tickets: []string{"agent_config"}, Source: "testdata/full.yaml:12"},
		{Name: "guards", Kind: "wecom", AppID: "ww0123456789abcdef", AgentID: 1000003, Secret: secret.New("0123"), Source: "testdata/full.yaml:19"},
	}
	if !reflect.DeepEqual(c.Accounts, accounts) {
		t.Errorf("accounts\n%+v\nwant\n%+v", c.Accounts, accounts)
	}
	clients := []Client{
		{Name: "billing", KeySHA256: sha256.Sum256([]byte("test")), Accounts: []string{"shop", "default"}, Allow: []string{"/cgi-bin/message/*", "POST /wxa/msg_sec_check"}, Deny: []string{"/cgi-bin/menu/*"}, Rate: 50, Burst: 50},
		{Name: "batch", KeySHA256: sha256.Sum256([]byte("key")), Rate: 0.1, Burst: 3},
	}
	if !reflect.DeepEqual(c.Clients, clients) {
		t.Errorf("clients\n%+v\nwant\n%+v", c.Clients, clients)
	}
	if !slices.Equal(c.Deny, []string{"/cgi-bin/clear_quota*", "DELETE /*"}) {
		t.Errorf("deny %q", c.Deny)
	}
	if got := c.Files(); !slices.Equal(got, []string{"testdata/full.yaml", "testdata/key.txt", "testdata/secret.txt"}) {
		t.Errorf("read from %q", got)
	}
}

func TestConfigFileAloneHasNoDefaultAccount(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "a.yaml", "accounts: [{name: default, app_id: wx1, app_secret: a}]\nclients:\n# - name: x\ndeny: []\n")
	c := env{"PROXY_CONFIG_FILE": file, "WECHAT_TOKEN_API": "legacy"}.load(t)
	if c.DefaultAccount != "" || len(c.Accounts) != 1 || c.Accounts[0].TokenAPI != TokenAPILegacy || c.Clients != nil {
		t.Errorf("default %q, accounts %+v, clients %v", c.DefaultAccount, c.Accounts, c.Clients)
	}
	if c.Deny == nil || len(c.Deny) != 0 {
		t.Errorf("deny %#v", c.Deny)
	}
}

func TestConfigFileProblems(t *testing.T) {
	t.Parallel()
	const (
		hash  = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
		a     = "accounts: [{name: a, app_id: wx1, app_secret: CANARY}]\n"
		hexed = `want a SHA-256 hash of 64 hex digits; get it with: printf %s "$KEY" | sha256sum`
		named = "invalid name: use 1 to 63 letters, digits, dots, dashes and underscores, starting with a letter or digit"
	)
	for _, row := range []struct {
		name string
		file string
		want []string
	}{
		{"an empty file", "", []string{"WECHAT_APP_ID: no account configured: set WECHAT_APP_ID and WECHAT_APP_SECRET, or list accounts in PROXY_CONFIG_FILE"}},
		{"only comments", "# accounts:\n", []string{"WECHAT_APP_ID: no account configured: set WECHAT_APP_ID and WECHAT_APP_SECRET, or list accounts in PROXY_CONFIG_FILE"}},
		{"invalid YAML", "accounts:\n  - name: a\n app_id: b\n", []string{"f.yaml:3: invalid YAML: while parsing a block mapping: did not find expected key"}},
		{"a secret that starts with *", "accounts: [{name: a, app_id: wx1, app_secret: *CANARY}]\n", []string{"f.yaml:1: unknown YAML alias; quote a value that starts with *"}},
		{"a secret that starts with !", "accounts: [{name: a, app_id: wx1, app_secret: !CANARY x}]\n", []string{"f.yaml:1 app_secret: YAML tags are not supported; quote a value that starts with !"}},
		{"a secret without a space before it", "accounts: [{name: a, app_id: wx1, app_secret:CANARY}]\n", []string{
			"f.yaml:1: invalid key; want one of name, kind, app_id, corp_id, agent_id, app_secret, app_secret_file, app_secret_env, token_api, tickets",
			"f.yaml:1 accounts: missing app_secret, app_secret_file or app_secret_env",
		}},
		{"two documents", a + "---\n" + a, []string{"f.yaml:1: invalid YAML: expected single document, found multiple"}},
		{"a list", "- a\n", []string{
			"f.yaml:1: want a mapping (key: value)",
		}},
		{"unknown keys", a + "client: []\nclients:\n  - nme: x\n    key_sha256: " + hash + "\n<<: {}\n", []string{
			"f.yaml:2 client: unknown key; did you mean clients?",
			"f.yaml:6: invalid key; want one of accounts, clients, deny",
			"f.yaml:4 nme: unknown key; did you mean name?",
			"f.yaml:4 clients: missing name",
		}},
		{"a key twice", a + "deny: []\ndeny: []\n", []string{"f.yaml:3 deny: duplicate key, first used on line 2"}},
		{"an empty deny", a + "deny:\n", []string{"f.yaml:2 deny: is empty; use [] to deny nothing, or omit it for the default list"}},
		{"bad patterns", a + "deny: [menu, '/a?b', {}]\n", []string{
			"f.yaml:2 deny=menu: the path of a pattern must start with /",
			"f.yaml:2 deny=/a?b: patterns match the path only: remove the query",
			"f.yaml:2 deny: want a single value",
		}},
		{"empty accounts", "accounts: [{}, x, ~]\n", []string{
			"f.yaml:1 accounts: missing name", "f.yaml:1 accounts: missing app_id", "f.yaml:1 accounts: missing app_secret, app_secret_file or app_secret_env",
			"f.yaml:1 accounts: want a mapping (key: value)",
			"f.yaml:1 accounts: want a mapping (key: value)",
		}},
		{"bad names", "accounts:\n  - {name: a/b, app_id: 'x y', app_secret: CANARY}\n  - {name: " + strings.Repeat("n", 64) + ", app_id: '', app_secret: ''}\n", []string{
			"f.yaml:2 name=a/b: " + named,
			"f.yaml:2 app_id=x y: invalid AppID: use 1 to 64 letters, digits, dashes and underscores",
			"f.yaml:3 name=" + strings.Repeat("n", 64) + ": " + named,
			"f.yaml:3 app_id: is empty",
			"f.yaml:3 app_secret: is empty",
		}},
		{"unknown or unsupported kinds", "accounts:\n  - {name: a, kind: component, app_secret: CANARY}\n  - {name: b, kind: authorizer, app_secret: CANARY}\n  - {name: c, kind: mini, app_secret: CANARY}\n", []string{
			"f.yaml:2 kind=component: third-party platforms and their authorizers are not supported yet; use official or wecom",
			"f.yaml:3 kind=authorizer: third-party platforms and their authorizers are not supported yet; use official or wecom",
			"f.yaml:4 kind=mini: want one of official, wecom",
		}},
		{"an unknown kind does not hide other problems", "accounts:\n" +
			"  - {name: a/b, kind: mini, app_id: 'x y', app_secret_file: none, token_api: new, tickets: [jsapi, none, jsapi]}\n" +
			"  - {name: c, kind: work, corp_id: 'x y', agent_id: x}\n" +
			"  - {name: d, kind: component, app_id: wx1, app_secret_env: CANARY0b2c}\n" +
			"  - {name: d, kind: [], app_id: wx1, app_secret: ''}\n", []string{
			"f.yaml:2 name=a/b: " + named,
			"f.yaml:2 kind=mini: want one of official, wecom",
			"f.yaml:2 app_id=x y: invalid AppID: use 1 to 64 letters, digits, dashes and underscores",
			"f.yaml:2 token_api=new: want one of stable, legacy",
			"f.yaml:2 app_secret_file: no such file or directory",
			"f.yaml:2 tickets=none: no such ticket for this kind of account; want one of jsapi, wx_card, sdk, agent_config",
			"f.yaml:2 tickets=jsapi: listed twice",
			"f.yaml:3 kind=work: want one of official, wecom",
			"f.yaml:3 corp_id=x y: invalid corpid: use 1 to 64 letters, digits, dashes and underscores",
			"f.yaml:3 agent_id=x: invalid agent ID: want a number greater than zero",
			"f.yaml:3 accounts: missing app_secret, app_secret_file or app_secret_env",
			"f.yaml:4 kind=component: third-party platforms and their authorizers are not supported yet; use official or wecom",
			"f.yaml:4 app_secret_env: invalid variable name: use capital letters, digits and underscores",
			"f.yaml:5 kind: want a single value",
			"f.yaml:5 app_secret: is empty",
			"f.yaml:5 name=d: already the name of the account at f.yaml:4",
			"f.yaml:5 app_id=wx1: already the AppID of the account at f.yaml:4",
		}},
		{"keys of the other kind", "accounts:\n  - {name: a, app_id: wx1, agent_id: 1, app_secret: CANARY, tickets: [jsapi, agent_config]}\n  - {name: b, kind: wecom, app_id: ww, app_secret: CANARY, token_api: stable, tickets: [sdk, jsapi, jsapi]}\n", []string{
			"f.yaml:2 agent_id: only valid with kind: wecom",
			"f.yaml:2 tickets=agent_config: no such ticket for this kind of account; want one of jsapi, wx_card, sdk",
			"f.yaml:3 accounts: missing corp_id",
			"f.yaml:3 accounts: missing agent_id",
			"f.yaml:3 app_id: only valid with kind: official",
			"f.yaml:3 token_api: only valid with kind: official",
			"f.yaml:3 tickets=sdk: no such ticket for this kind of account; want one of jsapi, agent_config",
			"f.yaml:3 tickets=jsapi: listed twice",
		}},
		{"invalid agents and token APIs", "accounts:\n  - {name: a, kind: wecom, corp_id: ww, agent_id: 0, app_secret: CANARY}\n  - {name: b, app_id: wx1, app_secret: CANARY, token_api: new}\n", []string{
			"f.yaml:2 agent_id=0: invalid agent ID: want a number greater than zero",
			"f.yaml:3 token_api=new: want one of stable, legacy",
		}},
		{"secrets that cannot be read", "accounts:\n" +
			"  - {name: a, app_id: wx1, app_secret: CANARY, app_secret_file: x, app_secret_env: X}\n" +
			"  - {name: b, app_id: wx2, app_secret_file: x}\n" +
			"  - {name: c, app_id: wx3, app_secret_env: NOT_SET}\n" +
			"  - {name: d, app_id: wx4, app_secret_env: CANARY0b2c}\n" +
			"  - {name: e, app_id: wx5, app_secret: \"CANARY\\n\"}\n" +
			"  - {name: f, app_id: wx6, app_secret_env: BAD}\n", []string{
			"f.yaml:2 app_secret_file: conflicts with app_secret: set only one of them",
			"f.yaml:3 app_secret_file: no such file or directory",
			"f.yaml:4 app_secret_env=NOT_SET: this variable is not set",
			"f.yaml:5 app_secret_env: invalid variable name: use capital letters, digits and underscores",
			"f.yaml:6 app_secret: contains a line break, a control character, a byte order mark, or white space at the start or end",
			"f.yaml:7 app_secret_env=BAD: the value of this variable contains a line break, a control character, a byte order mark, or white space at the start or end",
		}},
		{"accounts that cannot be told apart", "accounts:\n" +
			"  - {name: a, app_id: wx1, app_secret: CANARY}\n" +
			"  - {name: a, app_id: wx2, app_secret: CANARY}\n" +
			"  - {name: b, app_id: wx1, app_secret: CANARY}\n" +
			"  - {name: wx2, app_id: wx3, app_secret: CANARY}\n" +
			"  - {name: wx4, app_id: wx4, app_secret: CANARY}\n" +
			"  - {name: c, kind: wecom, corp_id: ww, agent_id: 1, app_secret: CANARY}\n" +
			"  - {name: d, kind: wecom, corp_id: ww, agent_id: 2, app_secret: CANARY}\n" +
			"  - {name: e, kind: wecom, corp_id: ww, agent_id: 1, app_secret: CANARY}\n", []string{
			"f.yaml:3 name=a: already the name of the account at f.yaml:2",
			"f.yaml:4 app_id=wx1: already the AppID of the account at f.yaml:2",
			"f.yaml:9 corp_id=ww: already the corpid and agent ID of the account at f.yaml:7",
			"f.yaml:5 name=wx2: also the AppID of the account at f.yaml:3, so /@wx2 would be ambiguous",
		}},
		{"clients with invalid keys", a + "clients:\n" +
			"  - {name: a}\n" +
			"  - {name: b, key_sha256: CANARY}\n" +
			"  - {name: c, key_sha256: " + hash + "00}\n" +
			"  - {name: d, key_sha256: " + strings.Repeat("0", 64) + "}\n" +
			"  - {name: e, key_file: x}\n" +
			"  - {name: f, key_file: x, key_sha256: " + hash + "}\n" +
			"  - {name: g, key_sha256: }\n", []string{
			"f.yaml:3 clients: missing key_sha256 or key_file; only with PROXY_TLS_CLIENT_CA_FILE they are optional",
			"f.yaml:4 key_sha256: " + hexed,
			"f.yaml:5 key_sha256: " + hexed,
			"f.yaml:6 key_sha256: " + hexed,
			"f.yaml:7 key_file: no such file or directory",
			"f.yaml:8 key_file: conflicts with key_sha256: set only one of them",
			"f.yaml:9 key_sha256: is empty",
		}},
		{"clients that cannot be told apart", a + "clients:\n" +
			"  - {name: a, key_sha256: " + hash + "}\n" +
			"  - {name: a, key_sha256: " + strings.ToUpper(hash) + "}\n", []string{
			"f.yaml:4 clients: a is already the name of the client at f.yaml:3",
			"f.yaml:4 clients: has the same key as client a",
		}},
		{"clients with invalid rules", a + "clients:\n" +
			"  - {name: a, key_sha256: " + hash + ", accounts: [b, a, a], allow: [x], deny: x, rate: fast}\n" +
			"  - {name: b, key_sha256: " + strings.Repeat("1", 64) + ", accounts: [], allow: , deny: , rate: 0/s}\n", []string{
			"f.yaml:3 accounts=b: no account has this name",
			"f.yaml:3 accounts=a: listed twice",
			"f.yaml:3 allow=x: the path of a pattern must start with /",
			"f.yaml:3 deny: want a list: [a, b], or one \"- item\" per line",
			`f.yaml:3 rate=fast: want a rate, for example 50/s, 100/m, 10/h or "50/s burst 100"`,
			"f.yaml:4 accounts: is empty; omit it to allow all",
			"f.yaml:4 allow: is empty; omit it to allow all",
			"f.yaml:4 rate=0/s: must be greater than zero; omit it for no limit",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			got := env{"PROXY_CONFIG_FILE": write(t, dir, "f.yaml", row.file), "BAD": "CANARY\t"}.problems(t, dir)
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], "DIR/f.yaml", "f.yaml")
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(row.want, "\n"))
			}
		})
	}
}

func TestEnvironmentAndConfigFileTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := write(t, dir, "f.yaml", "accounts:\n  - {name: default, app_id: wx01, app_secret: CANARY}\nclients: [{name: a, key_sha256: "+strings.Repeat("1", 64)+"}]\n")
	got := account().and("PROXY_CONFIG_FILE", file, "PROXY_CLIENT_KEY", "CANARY").problems(t, dir)
	want := []string{
		"DIR/f.yaml:2 name=default: already the name of the account of WECHAT_APP_ID",
		"DIR/f.yaml:2 app_id=wx01: already the AppID of the account of WECHAT_APP_ID",
		"PROXY_CLIENT_KEY: conflicts with the clients in " + file + ": set it only where no clients are listed",
	}
	want[2] = strings.ReplaceAll(want[2], dir, "DIR")
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	file = write(t, dir, "h.yaml", "accounts: [{name: shop, app_id: default, app_secret: CANARY}]\n")
	want = []string{"DIR/h.yaml:1: its AppID is also the name of the account of WECHAT_APP_ID, so /@default would be ambiguous"}
	if got := account().and("PROXY_CONFIG_FILE", file).problems(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	file = write(t, dir, "g.yaml", "clients: [{name: a, key_sha256: "+strings.Repeat("1", 64)+"}]\n")
	if c := account().and("PROXY_CONFIG_FILE", file, "PROXY_LISTEN", ":80").load(t); len(c.Clients) != 1 {
		t.Errorf("the listed clients are not enough for a public address: %+v", c.Clients)
	}
}

func TestConfigFileWithAThousandAccounts(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("accounts:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "  - name: a%d\n    app_id: wx%d\n    app_secret: s%d\n", i, i, i)
	}
	b.WriteString("clients:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "  - {name: c%d, key_sha256: %s, accounts: [a%d]}\n", i, hexOf(fmt.Sprint(i)), i)
	}
	c := env{"PROXY_CONFIG_FILE": write(t, t.TempDir(), "f.yaml", b.String())}.load(t)
	if len(c.Accounts) != 1000 || len(c.Clients) != 1000 {
		t.Errorf("%d accounts, %d clients", len(c.Accounts), len(c.Clients))
	}
}

func hexOf(key string) string {
	hash := sha256.Sum256([]byte(key))
	return hex.EncodeToString(hash[:])
}

func TestReadingStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"good values": "- &a {name: a, deny: [/a" + strings.Repeat(", /a", 5000) + "]}\n" + strings.Repeat("- *a\n", 5000),
		"bad values":  "- &a {name: a, deny: [a" + strings.Repeat(", a", 5000) + "]}\n" + strings.Repeat("- *a\n", 5000),
	} {
		var problems Problems
		doc := &document{name: "f.yaml", problems: &problems}
		root, _ := doc.parse([]byte(text))
		for _, entry := range root.list() {
			if f, ok := entry.fields("name", "deny"); ok {
				patterns(f["deny"].list())
			}
		}
		if !doc.overLimit() || doc.nodes > 2*maxNodes || len(problems) > maxProblems {
			t.Errorf("%s: %d nodes and %d problems", name, doc.nodes, len(problems))
		}
	}
	l := &loader{lookup: env{}.lookup, read: fileHashes{}}
	if l.parseFile(&Config{}, "f.yaml", []byte("deny: [a"+strings.Repeat(", a", 5000)+"]\n")) {
		t.Error("a file that was not read to the end counts as complete")
	}
	if last := l.problems[len(l.problems)-1].String(); last != "f.yaml:1: too many values or problems; the rest of the file was not read" {
		t.Errorf("the last problem is %s", last)
	}
}

func TestReloadLeavesTheOldConfigAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := write(t, dir, "s", "old\n")
	file := write(t, dir, "f.yaml", "accounts: [{name: a, app_id: wx1, app_secret_file: s}]\n")
	old := env{"PROXY_CONFIG_FILE": file}.load(t)

	write(t, dir, "s", "new\n")
	c, _, err := old.Reload()
	if err != nil || c.Accounts[0].Secret.Reveal() != "new" || old.Accounts[0].Secret.Reveal() != "old" {
		t.Errorf("after a new secret: %+v, %v", c, err)
	}
	if !slices.Equal(c.Files(), []string{file, secret}) {
		t.Errorf("read from %q", c.Files())
	}
	write(t, dir, "f.yaml", "accounts: [{name: a}]\n")
	if c, _, err := old.Reload(); c != nil || err == nil {
		t.Errorf("a bad file: %+v, %v", c, err)
	}
	write(t, dir, "f.yaml", "accounts: [{name: b, app_id: wx1, app_secret_file: s}]\n")
	if c, _, err := c.Reload(); err != nil || c.Accounts[0].Name != "b" {
		t.Errorf("a good one again: %+v, %v", c, err)
	}
}

func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{
		"accounts: [{name: a, app_id: wx1, app_secret: CANARY, tickets: [jsapi]}]\ndeny: []\n",
		"clients: [{name: a, key_sha256: 00, accounts: [x], rate: 1/s}]",
		"a: &a [*a]\naccounts: *a\n", "accounts: &a [*a, [*a]]", "---\n...\n", "accounts:\n  - <<: *x\n", "? {a: b}\n: c", "\x00", "!!map {accounts: !!seq []}",
		"accounts:\n- name: |\n    x\n  app_secret: >-\n    CANARY\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := &loader{lookup: func(string) (string, bool) { return "", false }, read: fileHashes{}}
		// No file of ours is to be read.
		l.env.ConfigFile = filepath.Join(t.TempDir(), "f.yaml")
		c := &Config{Deny: defaultDeny()}
		l.parseFile(c, "f.yaml", []byte(text))
		if len(l.problems) > 0 {
			return
		}
		for _, a := range c.Accounts {
			if !nameForm.MatchString(a.Name) || !appIDForm.MatchString(a.AppID) || a.Secret.IsZero() || (a.Kind == KindWeCom) != (a.AgentID > 0) {
				t.Errorf("an account passed: %+v", a)
			}
		}
		for _, c := range c.Clients {
			if !nameForm.MatchString(c.Name) || !c.HasKey() || (c.Rate > 0) != (c.Burst > 0) {
				t.Errorf("a client passed: %+v", c)
			}
		}
		if c.Deny == nil {
			t.Error("deny is nil")
		}
	})
}
