package store

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store/redistest"
)

const someToken = "68_abcDEF-0123456789_xyz"

func TestForeignValue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, raw, want string }{
		{"bare (WxJava, silenceper)", someToken, someToken},
		{"a JSON string (wechatpy, old silenceper)", `"` + someToken + `"`, someToken},
		{"WeChat's answer", `{"access_token":"` + someToken + `","expires_in":7200}`, someToken},
		{"a ticket's", `{"errcode":0,"errmsg":"ok","ticket":"` + someToken + `","expires_in":7200}`, someToken},
		{"JSON in JSON (PowerWeChat)", `"{\"access_token\":\"` + someToken + `\",\"expires_in\":7200}"`, someToken},
		{"a PHP string", `s:24:"` + someToken + `";`, someToken},
		{"a PHP array (EasyWeChat)", `a:2:{s:12:"access_token";s:24:"` + someToken + `";s:10:"expires_in";i:7200;}`, someToken},
		{"a PHP array with a ticket", `a:4:{s:7:"errcode";i:0;s:6:"errmsg";s:2:"ok";s:6:"ticket";s:24:"` + someToken + `";s:10:"expires_in";i:7200;}`, someToken},
		{"nothing", "", ""},
		{"too short", "abc", ""},
		{"JSON without a value", `{"expires_in":7200}`, ""},
		{"broken JSON", `{"access_token":"` + someToken, ""},
		{"another PHP array", `a:1:{s:1:"a";i:1;}`, ""},
		{"words", "this is no access token", ""},
		{"Java's serialization", "\xac\xed\x00\x05t\x00\x18" + someToken, ""},
		{"gzip", "\x1f\x8b" + someToken, ""},
	} {
		got, ok := foreignValue(c.raw)
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s: %q %v, want %q", c.name, got, ok, c.want)
		}
	}
}

func FuzzForeignValue(f *testing.F) {
	for _, s := range []string{someToken, `"` + someToken + `"`, `{"ticket":"x"}`, `a:1:{s:6:"ticket";s:1:"x";}`, `"\"\\\"x\\\"\""`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if got, ok := foreignValue(raw); ok && (len(got) < 16 || strings.ContainsAny(got, " \"{};\n\x00")) {
			t.Errorf("%q: %q", raw, got)
		}
	})
}

func TestForeignEnd(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0)
	in := func(d time.Duration) string { return fmt.Sprint(now.Add(d).Unix()) }
	for _, c := range []struct {
		name   string
		left   time.Duration
		end    string
		millis bool
		want   time.Duration // from now; 0: unknown
	}{
		{"Redis knows", time.Hour, "", false, time.Hour},
		{"the SDK knows", -1, in(time.Hour), false, time.Hour},
		{"the SDK says earlier", time.Hour, in(time.Minute), false, time.Minute},
		{"Redis says earlier", time.Minute, in(time.Hour), false, time.Minute},
		{"in milliseconds", -1, fmt.Sprint(now.Add(time.Hour).UnixMilli()), true, time.Hour},
		{"nobody knows", -1, "", false, 0},
		{"rubbish", -1, "soon", false, 0},
		{"an endless number", -1, "1e300", false, 0},
	} {
		got := foreignEnd(now, c.left, c.end, c.millis)
		if want := now.Add(c.want); c.want != 0 && !got.Equal(want) || c.want == 0 && !got.IsZero() {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	const appid, canary = "wx0123456789abcdef", "CANARY0123456789"
	secret := secret.New(canary)
	s := redistest.Start(t, "--databases", "4")
	value := func(n int) string { return fmt.Sprintf("%s-%03d", someToken, n) }
	answer := func(n int) string { return fmt.Sprintf(`{"access_token":%q,"expires_in":7200}`, value(n)) }

	byKey := map[string]token.Kind{}
	for _, p := range places(appid, secret) {
		if byKey[p.key] != "" {
			t.Errorf("%s is listed twice", p.key)
		}
		if strings.Contains(p.key, canary) {
			t.Errorf("%s holds the secret", p.key)
		}
		byKey[p.key] = p.kind
	}
	for i, c := range []struct {
		kind token.Kind
		set  []string
	}{
		{token.AccessToken, []string{"SET", "wx:access_token:" + appid, value(0), "EX", "7000"}},
		{token.AccessToken, []string{"SET", "gowechat_officialaccount__access_token_" + appid, value(1), "EX", "6900"}},
		{token.AccessToken, []string{"SET", "powerwechat.access_token.…", answer(2), "EX", "6800"}},
		{token.AccessToken, []string{"SET", "wechatpy:" + appid + "_access_token", `"` + value(3) + `"`, "EX", "6700"}},
		{token.AccessToken, []string{"SET", "key_access_token_" + appid, answer(4), "EX", "6600"}},
		{token.JSAPI, []string{"SET", "wa:ticket:key:" + appid + ":jsapi", value(5), "EX", "6500"}},
		{token.WXCard, []string{"SET", "easywechat.basic_service.jssdk.ticket.wx_card." + appid, `a:1:{s:6:"ticket";s:28:"` + value(6) + `";}`, "EX", "6400"}},
	} {
		if strings.HasPrefix(c.set[1], "powerwechat.access") {
			for key := range byKey {
				if strings.HasPrefix(key, "powerwechat.access") {
					c.set[1] = key
				}
			}
		}
		if byKey[c.set[1]] != c.kind {
			t.Errorf("%d: %s is looked for as %q, want %q", i, c.set[1], byKey[c.set[1]], c.kind)
		}
		s.Command(t, c.set...)
	}
	s.Command(t, "HSET", "maConfig:"+appid+":accessToken", "value", value(7), "expire", fmt.Sprint(time.Now().Add(time.Hour).UnixMilli()))
	s.Command(t, "SET", "wa:access_token:"+appid, value(8))                                               // has no end
	s.Command(t, "SET", "wx:ticket:key:"+appid+":sdk", value(9), "EX", "99999")                           // too long a life
	s.Command(t, "SET", "gowechat_miniprogram__access_token_"+appid, "not a token at all", "EX", "7000")  // nonsense
	s.Command(t, "LPUSH", "gowechat_miniprogram__jsapi_ticket_"+appid, "a list")                          // another type
	s.Command(t, "SET", "wx:access_token:another", value(10), "EX", "7000")                               // another account's
	s.Command(t, "SET", "wechatpy:"+appid+"_access_token_expires_at", fmt.Sprint(time.Now().Unix()+1000)) // earlier than its TTL

	seen := monitor(t, s.Addr)
	found, err := Import(patient(t), s.URL, appid, secret)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprintf("%s %s", f.Kind, strings.TrimPrefix(f.Value.Reveal(), someToken)))
		if left := time.Until(f.ExpiresAt); left <= 0 || left > maxImported {
			t.Errorf("%s lives for %v", f.From, left)
		}
	}
	want := "access_token -000, access_token -001, access_token -002, access_token -004, access_token -007, access_token -003, jsapi -005, wx_card -006"
	if strings.Join(got, ", ") != want {
		t.Errorf("found %s\nwant  %s", strings.Join(got, ", "), want)
	}
	if strings.Contains(fmt.Sprintf("%+v", found), someToken) {
		t.Error("a value prints in clear")
	}

	s.Command(t, "ECHO", "the end")
	eventually(t, "the monitor has seen all", func() bool { return strings.Contains(seen(), "the end") })
	harmless := regexp.MustCompile(`(?i)^\S+ \[\d+ \S+\] "(type|get|hget|pttl|hello|client|echo|cluster|ping)"`)
	for _, line := range strings.Split(strings.TrimSpace(seen()), "\n") {
		if line = strings.TrimPrefix(line, "+"); line != "OK" && !harmless.MatchString(line) || strings.Contains(line, canary) {
			t.Errorf("Redis was sent %s", line)
		}
	}
}

func TestPowerWeChatsKey(t *testing.T) {
	t.Parallel()
	// By its code. The example in its documentation is the hash of the same text
	// with a newline behind it.
	const want = "powerwechat.access_token.4ed6a2e3bfccdf98beb48489b94cf486"
	for _, p := range places("testappid", secret.New("testsecret")) {
		if p.key == want {
			return
		}
	}
	t.Errorf("%s is not looked for", want)
}

func TestImportFailures(t *testing.T) {
	t.Parallel()
	secret := secret.New("CANARY")
	for _, url := range []string{"redis://:CANARY@127.0.0.1:1", "redis://:CANARY%zz@127.0.0.1"} {
		if _, err := Import(patient(t), url, "wx1", secret); err == nil || leaks(err, "CANARY") {
			t.Errorf("got %v", err)
		}
	}
	if found, err := Import(patient(t), redistest.Start(t).URL, "wx1", secret); err != nil || len(found) > 0 {
		t.Errorf("an empty Redis: %v, %v", found, err)
	}
}
