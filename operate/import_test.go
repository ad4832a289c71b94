package operate

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/fromconfig"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store/redistest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// fileStore is an environment with a file store, in legacy mode.
func fileStore(t *testing.T, w *wechattest.Server, more ...string) []string {
	return append(settings(w, "WECHAT_TOKEN_API=legacy", "PROXY_TOKEN_STORE=file://"+filepath.Join(t.TempDir(), "tokens")), more...)
}

func TestImportTakesWhatIsBest(t *testing.T) {
	t.Parallel()
	redis, w := redistest.Start(t), weChat(t, wechattest.Options{})
	value := func(s string) string { return s + strings.Repeat("x", 40) }
	client := &access.Client{Name: "billing"}
	placeholder := access.Mint(secret.New(checkSecret), "default", client)
	for _, words := range [][]string{
		{"SET", "wx:access_token:" + checkAppID, value("long"), "EX", "7000"},
		{"SET", "key_access_token_" + checkAppID, value("short"), "EX", "3000"},
		{"SET", "wa:access_token:" + checkAppID, placeholder, "EX", "7100"},
		{"SET", "wx:ticket:key:" + checkAppID + ":jsapi", value("dying"), "EX", "30"},
		{"SET", "key_ticket_" + checkAppID, value("older"), "EX", "4000"},
	} {
		redis.Command(t, words...)
	}
	environ := fileStore(t, w)

	// The store has a newer ticket.
	s, err := store.Open(t.Context(), fromconfig.Store(loaded(t, environ)), nil)
	if err != nil {
		t.Fatal(err)
	}
	name := token.RecordName("default", checkAppID, token.JSAPI)
	held := credentialOf(store.Found{Value: secret.New(value("newer")), ExpiresAt: time.Now().Add(5000 * time.Second)}, time.Now())
	if err := s.Save(t.Context(), name, token.EncodeRecord(held)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	code, text := says(t, w, environ, "import", "-json", "-account", "default", redis.URL)
	var r ImportReport
	if err := json.Unmarshal([]byte(text), &r); err != nil || code != exitOK || !r.OK {
		t.Fatalf("exit code %d, %v:\n%s", code, err, text)
	}
	var got []string
	for _, i := range r.Found {
		if i.Account != "default" || i.SecondsLeft < 1 || i.SecondsLeft > 7200 {
			t.Errorf("%+v", i)
		}
		got = append(got, string(i.Kind)+" "+strings.ReplaceAll(i.Key, checkAppID, "ID")+" "+i.Result)
	}
	want := []string{
		"access_token wa:access_token:ID placeholder", "access_token wx:access_token:ID saved", "access_token key_access_token_ID passed-over",
		"jsapi key_ticket_ID kept", "jsapi wx:ticket:key:ID:jsapi dying",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.Contains(text, "xxxx") || strings.Contains(text, placeholder) {
		t.Errorf("it prints a value:\n%s", text)
	}
}

func TestImportFindsNothing(t *testing.T) {
	t.Parallel()
	redis, w := redistest.Start(t), weChat(t, wechattest.Options{})
	environ := fileStore(t, w)
	if code, text := says(t, w, environ, "import", redis.URL); code != exitFailed || !strings.Contains(text, "nothing to import") {
		t.Errorf("exit code %d:\n%s", code, text)
	}
	if code, text := says(t, w, environ, "import", "-json", redis.URL); code != exitFailed || !strings.Contains(text, `"found": []`) {
		t.Errorf("exit code %d:\n%s", code, text)
	}
}

func TestImportFailures(t *testing.T) {
	t.Parallel()
	w := weChat(t, wechattest.Options{})
	agent := []string{"PROXY_TOKEN_STORE=file://" + t.TempDir(), "PROXY_CONFIG_FILE=" + weComOnly(t)}
	for _, c := range []struct {
		name    string
		environ []string
		args    []string
		code    int
		want    string
	}{
		{"nowhere to keep them", settings(w), []string{"redis://127.0.0.1:1"}, exitUsage, "set PROXY_TOKEN_STORE"},
		{"no URL", fileStore(t, w), nil, exitUsage, "argument missing"},
		{"another URL", fileStore(t, w), []string{"http://:canary@host"}, exitUsage, "not a URL like redis://"},
		{"two URLs", fileStore(t, w), []string{"redis://:canary@a", "redis://:canary@b"}, exitUsage, "too many arguments"},
		{"an unknown account", fileStore(t, w), []string{"-account", "another", "redis://127.0.0.1:1"}, exitUsage, `no account "another"`},
		{"an agent of WeCom's", agent, []string{"redis://127.0.0.1:1"}, exitUsage, "only accounts of kind official"},
		{"wrong settings", []string{"PROXY_LISTEN=nonsense"}, []string{"redis://127.0.0.1:1"}, exitUsage, "2 invalid settings"},
		{"a Redis that is down", fileStore(t, w), []string{"redis://:canary@127.0.0.1:1"}, exitFailed, "connect"},
		{"a store that is no directory", settings(w, "PROXY_TOKEN_STORE=file://"+file(t, "tokens", "")), []string{"redis://127.0.0.1:1"}, exitFailed, "open the store"},
	} {
		code, text := says(t, w, c.environ, append([]string{"import"}, c.args...)...)
		if code != c.code || !strings.Contains(text, c.want) || strings.Contains(text, "canary") {
			t.Errorf("%s: exit code %d, want %q:\n%s", c.name, code, c.want, text)
		}
	}
}
