package operate

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store/redistest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

const (
	checkAppID  = "wx0123456789abcdef"
	checkCorpID = "ww0123456789abcdef"
	checkSecret = "canary-of-the-appsecret"
)

// weChat is a WeChat with an official account and a WeCom agent.
func weChat(t *testing.T, o wechattest.Options) *wechattest.Server {
	t.Helper()
	o.Accounts = append(o.Accounts,
		wechattest.Account{AppID: checkAppID, Secret: checkSecret},
		wechattest.Account{AppID: checkCorpID, Secret: checkSecret, WeCom: true, AgentID: 1000002})
	w := wechattest.NewServer(o)
	if err := w.Err(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// settings is an environment for w's official account, and more; of doubles
// the last counts.
func settings(w *wechattest.Server, more ...string) []string {
	return append([]string{
		"WECHAT_APP_ID=" + checkAppID, "WECHAT_APP_SECRET=" + checkSecret,
		"WECHAT_UPSTREAMS=" + w.URL, "WECOM_UPSTREAMS=" + w.WeComURL,
	}, more...)
}

// Outcomes of a command, as the program's exit codes are.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// says runs a command and returns its outcome and all that the program prints.
// No secret and no token of w's may be in it.
func says(t *testing.T, w *wechattest.Server, environ []string, args ...string) (code int, text string) {
	t.Helper()
	var out strings.Builder
	var err error
	switch args[0] {
	case "check":
		err = Check(t.Context(), environ, args[1:], &out)
	case "import":
		err = Import(t.Context(), environ, args[1:], &out)
	default:
		t.Fatalf("no command %s", args[0])
	}
	var usage *UsageError
	var problems config.Problems
	text = out.String()
	switch {
	case err == nil:
	case errors.Is(err, ErrReported):
		code = exitFailed
	case errors.As(err, &usage), errors.As(err, &problems):
		code, text = exitUsage, text+err.Error()
	default:
		code, text = exitFailed, text+err.Error()
	}
	for _, secret := range append(w.Issued(), checkSecret) {
		if strings.Contains(text, secret) {
			t.Errorf("%v prints a secret:\n%s", args, text)
		}
	}
	return code, text
}

// file writes a file that ends with the test, and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// weComOnly is a config file with an agent of w's.
func weComOnly(t *testing.T) string {
	return file(t, "proxy.yaml", "accounts:\n- {name: staff, kind: wecom, corp_id: "+checkCorpID+", agent_id: 1000002, app_secret: "+checkSecret+"}\n")
}

func TestCheckPrintsTheRemedy(t *testing.T) {
	t.Parallel()
	const stable = "/cgi-bin/stable_token"
	trouble := func(x wechattest.Trouble) func(*wechattest.Server) []string {
		return func(w *wechattest.Server) []string {
			x.Path = stable
			w.Trouble(x)
			return nil
		}
	}
	answers := func(code int) func(*wechattest.Server) []string {
		return trouble(wechattest.Trouble{Kind: wechattest.Errcode, Status: code})
	}
	for _, c := range []struct {
		name string
		do   func(w *wechattest.Server) (more []string)
		want []string // what is printed
	}{
		{
			"an appid that WeChat does not know",
			func(*wechattest.Server) []string { return []string{"WECHAT_APP_ID=wxffffffffffffffff"} },
			[]string{"token of default: WeChat says 40013", "The appid is wrong", "AppID 错误"},
		},
		{
			"a wrong secret",
			func(*wechattest.Server) []string { return []string{"WECHAT_APP_SECRET=another"} },
			[]string{"WeChat says 40", "The AppSecret is wrong", "AppSecret 错误"},
		},
		{
			"a wrong secret with the legacy API",
			func(*wechattest.Server) []string {
				return []string{"WECHAT_APP_SECRET=another", "WECHAT_TOKEN_API=legacy"}
			},
			[]string{"WeChat says 40", "The AppSecret is wrong", "AppSecret 错误"},
		},
		{
			"an IP that is not on the list",
			func(w *wechattest.Server) []string { w.AllowIPs("203.0.113.9"); return nil },
			[]string{"WeChat says 40164", "Add 127.0.0.1 to the IP allow-list", "请把 127.0.0.1 加入 IP 白名单"},
		},
		{
			"an IP that is not trusted at WeCom",
			func(w *wechattest.Server) []string {
				w.Trouble(wechattest.Trouble{Path: "/cgi-bin/gettoken", Kind: wechattest.Errcode, Status: 60020})
				return []string{"WECHAT_APP_ID=", "WECHAT_APP_SECRET=", "PROXY_CONFIG_FILE=" + weComOnly(t)}
			},
			[]string{"token of staff: WeChat says 60020", "trusted IPs", "企业可信 IP"},
		},
		{
			"a frozen secret",
			func(w *wechattest.Server) []string { w.Freeze(checkAppID, true); return nil },
			[]string{"40243", "Unfreeze it", "已被冻结"},
		},
		{"a used-up quota", answers(45009), []string{"45009", "quota of this API is used up", "额度已用完"}},
		{"an IP that the administrator must confirm", answers(89503), []string{"89503", "administrator to confirm", "模板消息"}},
		{"a platform's list without the IP", answers(61004), []string{"61004", "third-party platform", "第三方平台"}},
		{"an appid of a platform's", answers(61024), []string{"61024", "belongs to a third-party platform", "第三方平台"}},
		{"a number that nobody knows", answers(99999), []string{"99999", "look it up", "全局返回码"}},
		{"WeChat is busy", trouble(wechattest.Trouble{Kind: wechattest.Busy}), []string{"WeChat says -1", "busy", "系统繁忙"}},
		{"a retired access point", trouble(wechattest.Trouble{Kind: wechattest.Retired}), []string{"48017", "retired", "已下线"}},
		{"an empty token", trouble(wechattest.Trouble{Kind: wechattest.EmptyToken}), []string{"no usable access_token", "not WeChat", "不是微信"}},
		{"an absurd life", trouble(wechattest.Trouble{Kind: wechattest.AbsurdLife, Life: -1}), []string{"expires_in", "不是微信"}},
		{"a captive portal", trouble(wechattest.Trouble{Kind: wechattest.Garbage}), []string{"not a JSON object", "captive portal", "认证门户"}},
		{"half an answer", trouble(wechattest.Trouble{Kind: wechattest.Broken}), []string{"not a JSON object", "captive portal"}},
		{"nothing", trouble(wechattest.Trouble{Kind: wechattest.Empty}), []string{"not a JSON object", "captive portal"}},
		{"a gateway's error", trouble(wechattest.Trouble{Kind: wechattest.Status, Status: 502}), []string{"HTTP status 502", "try again", "请重试"}},
		{"a redirect", trouble(wechattest.Trouble{Kind: wechattest.Redirect}), []string{"HTTP status 302", "captive portal", "认证门户"}},
		{"a reset", trouble(wechattest.Trouble{Kind: wechattest.Reset}), []string{"token of default", "firewall", "防火墙"}},
		{"a cut", trouble(wechattest.Trouble{Kind: wechattest.Cut}), []string{"token of default", "firewall", "防火墙"}},
		{
			"nobody listens",
			func(w *wechattest.Server) []string { w.Close(); return nil },
			[]string{"connection refused", "Nothing listens there", "无服务监听"},
		},
		{
			"one of two hosts is down",
			func(w *wechattest.Server) []string { return []string{"WECHAT_UPSTREAMS=http://127.0.0.1:1," + w.URL} },
			[]string{"FAIL  host 127.0.0.1:1: connection refused", "Nothing listens there", "ok    token of default: WeChat issued one for 2h0m0s"},
		},
		{
			"a host without TLS",
			func(w *wechattest.Server) []string {
				return []string{"WECHAT_UPSTREAMS=" + strings.Replace(w.URL, "http:", "https:", 1)}
			},
			[]string{"does not speak TLS", "Something other than WeChat", "应答方不是微信"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := weChat(t, wechattest.Options{})
			code, text := says(t, w, settings(w, c.do(w)...), "check")
			if code != exitFailed {
				t.Errorf("exit code %d", code)
			}
			for _, want := range append(c.want, "FAIL", "→", "checks failed.") {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing in:\n%s", want, text)
				}
			}
		})
	}
}

func TestCheckDistrustsAStrangersCertificate(t *testing.T) {
	t.Parallel()
	w := weChat(t, wechattest.Options{TLS: true})
	code, text := says(t, w, settings(w), "check")
	for _, want := range []string{"TLS certificate not trusted", "ca-certificates", "CA 证书"} {
		if code != exitFailed || !strings.Contains(text, want) {
			t.Errorf("%d, %q is missing in:\n%s", code, want, text)
		}
	}
}

func TestCheckSaysHowLongACertificateIsGood(t *testing.T) {
	t.Parallel()
	w := weChat(t, wechattest.Options{TLS: true})
	roots := x509.NewCertPool()
	roots.AddCert(w.Certificate())
	c := checker{cfg: loaded(t, settings(w)), connections: wechat.Connections{RootCAs: roots}}
	defer c.connections.Close()
	r := c.run(t.Context(), nil)
	want := "certificate valid until " + w.Certificate().NotAfter.UTC().Format(time.DateOnly)
	if !r.OK || !strings.Contains(r.text(), want) {
		t.Errorf("%q is missing in:\n%s", want, r.text())
	}
}

func loaded(t *testing.T, environ config.Environ) *config.Config {
	t.Helper()
	cfg, _, err := config.Load(environ.Lookup, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestCheckDoesNotWaitForWhoHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := wechattest.New(wechattest.Options{Accounts: []wechattest.Account{{AppID: checkAppID, Secret: checkSecret}}})
		defer w.Close()
		w.Trouble(wechattest.Trouble{Kind: wechattest.Hang})
		c := checker{
			cfg:       loaded(t, []string{"WECHAT_APP_ID=" + checkAppID, "WECHAT_APP_SECRET=" + checkSecret}),
			transport: w.RoundTripper(),
		}
		ctx, cancel := context.WithTimeout(t.Context(), checkTimeout)
		defer cancel()
		r := c.run(ctx, nil)
		if ctx.Err() != nil {
			t.Error("it took all of the time there is")
		}
		text := r.text()
		if r.OK || strings.Count(text, "security group") != 3 || strings.Count(text, "安全组") != 3 || !strings.Contains(text, "timed out waiting for the response") {
			t.Errorf("it says:\n%s", text)
		}
	})
}

func TestCheckWhereAllIsWell(t *testing.T) {
	t.Parallel()
	w := weChat(t, wechattest.Options{})
	code, text := says(t, w, settings(w), "check")
	want := "ok    settings: accounts: 1, named clients: 0\n" +
		"ok    store: memory: after a restart, tokens are fetched from WeChat again\n" +
		"ok    host HOST: reachable at HOST\n" +
		"ok    clock: within 30 s of WeChat's clock\n" +
		"ok    token of default: WeChat issued one for 2h0m0s\n" +
		"\nAll checks passed.\n"
	if got := strings.ReplaceAll(text, strings.TrimPrefix(w.URL, "http://"), "HOST"); code != exitOK || got != want {
		t.Errorf("exit code %d:\n%s", code, got)
	}
	if n := w.Count("token"); n != 1 || w.Count("forced_asked") != 0 {
		t.Errorf("%d fetches", n)
	}
}

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	w := weChat(t, wechattest.Options{})
	w.AllowIPs("203.0.113.9")
	code, text := says(t, w, settings(w), "check", "-json")
	for _, c := range w.Seen() {
		if c.RID != "" {
			text = strings.ReplaceAll(text, c.RID, "RID")
		}
	}
	text = strings.ReplaceAll(text, strings.TrimPrefix(w.URL, "http://"), "HOST")
	want := `{
  "ok": false,
  "checks": [
    {
      "name": "settings",
      "ok": true,
      "detail": "accounts: 1, named clients: 0"
    },
    {
      "name": "store",
      "ok": true,
      "detail": "memory: after a restart, tokens are fetched from WeChat again"
    },
    {
      "name": "host",
      "host": "HOST",
      "ok": true,
      "detail": "reachable at HOST"
    },
    {
      "name": "clock",
      "ok": true,
      "detail": "within 30 s of WeChat's clock"
    },
    {
      "name": "token",
      "account": "default",
      "ok": false,
      "detail": "WeChat says DETAIL",
      "errcode": 40164,
      "ip": "127.0.0.1",
      "advice": {
        "en": "Add 127.0.0.1 to the IP allow-list: WeChat console (mp.weixin.qq.com or developers.weixin.qq.com) > Development settings > IP allow-list. It takes effect within minutes.",
        "zh": "请把 127.0.0.1 加入 IP 白名单：微信公众平台（或开发者平台）> 开发接口管理/基本配置 > IP白名单，数分钟内生效。"
      }
    }
  ]
}
`
	before, rest, _ := strings.Cut(text, "WeChat says ")
	said, rest, _ := strings.Cut(rest, `",`)
	if !strings.Contains(said, "40164") {
		t.Errorf("WeChat said %q", said)
	}
	if got := before + `WeChat says DETAIL",` + rest; code != exitFailed || got != want {
		t.Errorf("exit code %d:\n%s", code, got)
	}
}

func TestCheckTellsWrongSettingsInJSONToo(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := Check(t.Context(), config.Environ{"WECHAT_APP_ID=wx1", "PROXY_LISTEN=nonsense"}, []string{"-json"}, &out)
	var problems config.Problems
	var r Report
	if jsonErr := json.Unmarshal([]byte(out.String()), &r); jsonErr != nil || !errors.As(err, &problems) || r.OK || len(r.Checks) != 2 || r.Checks[0].Name != "settings" {
		t.Errorf("%v, %v: %s", err, jsonErr, out.String())
	}
}

func TestCheckWarnsOfAWrongClock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		by   time.Duration
		want string
	}{
		{2 * time.Minute, "behind WeChat's"},
		{-time.Hour, "ahead of WeChat's"},
	} {
		w := weChat(t, wechattest.Options{})
		w.Advance(c.by)
		code, text := says(t, w, settings(w), "check")
		for _, want := range []string{"warn  clock", c.want, "NTP", "校准本机时间"} {
			if code != exitOK || !strings.Contains(text, want) {
				t.Errorf("%v: exit code %d, %q is missing in:\n%s", c.by, code, want, text)
			}
		}
	}
}

func TestCheckKeepsTheOrderOfTheSettings(t *testing.T) {
	t.Parallel()
	var doc strings.Builder
	o := wechattest.Options{}
	doc.WriteString("accounts:\n")
	const n = 30
	for i := range n {
		id := fmt.Sprintf("wx%016d", i)
		o.Accounts = append(o.Accounts, wechattest.Account{AppID: id, Secret: checkSecret})
		fmt.Fprintf(&doc, "- {name: shop%02d, app_id: %s, app_secret: %s}\n", i, id, checkSecret)
	}
	w := weChat(t, o)
	code, text := says(t, w, []string{"WECHAT_UPSTREAMS=" + w.URL, "PROXY_CONFIG_FILE=" + file(t, "proxy.yaml", doc.String())}, "check")
	at := 0
	for i := range n {
		next := strings.Index(text, fmt.Sprintf("token of shop%02d: WeChat issued one", i))
		if next < at {
			t.Fatalf("shop%02d is at %d, behind %d:\n%s", i, next, at, text)
		}
		at = next
	}
	if code != exitOK || w.Count("token") != n {
		t.Errorf("exit code %d after %d fetches", code, w.Count("token"))
	}
}

func TestCheckSparesATokenThatLives(t *testing.T) {
	t.Parallel()
	w := weChat(t, wechattest.Options{})
	environ := settings(w, "WECHAT_TOKEN_API=legacy", "PROXY_TOKEN_STORE=file://"+filepath.Join(t.TempDir(), "tokens"))
	for _, want := range []string{"WeChat issued a new one for 2h0m0s, which is in the store now", "token in the store, valid for 2h0m0s; WeChat not asked"} {
		if code, text := says(t, w, environ, "check"); code != exitOK || !strings.Contains(text, want) || !strings.Contains(text, "write, read, lock and delete succeeded") {
			t.Errorf("exit code %d, %q is missing in:\n%s", code, want, text)
		}
	}
	if n := w.Count("token"); n != 1 {
		t.Errorf("%d fetches", n)
	}
	if code, text := says(t, w, settings(w, "WECHAT_TOKEN_API=legacy"), "check"); code != exitOK || !strings.Contains(text, "warn  token of default: WeChat issued a new one") {
		t.Errorf("without a store, exit code %d:\n%s", code, text)
	}
}

func TestCheckTriesTheStore(t *testing.T) {
	t.Parallel()
	w := weChat(t, wechattest.Options{})
	open := t.TempDir()
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	redis := redistest.Start(t, "--requirepass", "canary-of-redis")
	dead := redistest.Start(t)
	dead.Kill()
	for _, c := range []struct {
		name, url string
		code      int
		want      []string
	}{
		{"a directory that others can read", "file://" + open, exitOK, []string{"ok    store", "warn  store", "mode 0755"}},
		{"a file in the way", "file://" + file(t, "tokens", ""), exitFailed, []string{"FAIL  store", "writable", "0700"}},
		{"a Redis", "redis://:canary-of-redis@" + redis.Addr + "/1", exitOK, []string{"ok    store: redis://***@" + redis.Addr + "/1: write, read"}},
		{"a wrong password", "redis://:canary-of-another@" + redis.Addr, exitFailed, []string{"FAIL  store", "Check address, password", "请检查 PROXY_TOKEN_STORE"}},
		{"a Redis that is down", dead.URL, exitFailed, []string{"FAIL  store", "Check address, password", "请检查 PROXY_TOKEN_STORE"}},
	} {
		code, text := says(t, w, settings(w, "PROXY_TOKEN_STORE="+c.url), "check")
		if code != c.code || strings.Contains(text, "canary") {
			t.Errorf("%s: exit code %d:\n%s", c.name, code, text)
		}
		for _, want := range append(c.want, "ok    token of default") {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is missing in:\n%s", c.name, want, text)
			}
		}
	}
}

func TestCheckCalledWrongly(t *testing.T) {
	t.Parallel()
	w := weChat(t, wechattest.Options{})
	for _, c := range []struct {
		environ, args []string
		want          string
	}{
		{[]string{"PROXY_LISTEN=nonsense"}, nil, "2 invalid settings"},
		{settings(w), []string{"-yaml"}, "not defined: -yaml"},
		{settings(w), []string{"now"}, "too many arguments"},
		{settings(w), []string{"-h"}, "help"},
	} {
		if code, text := says(t, w, c.environ, append([]string{"check"}, c.args...)...); code != exitUsage || !strings.Contains(text, c.want) {
			t.Errorf("%v: exit code %d, want %q:\n%s", c.args, code, c.want, text)
		}
	}
}

func TestCheckOfAnUnknownHost(t *testing.T) {
	t.Parallel()
	transport := &http.Transport{DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
		host, _, _ := net.SplitHostPort(address)
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	}}
	c := checker{cfg: loaded(t, []string{"WECHAT_APP_ID=" + checkAppID, "WECHAT_APP_SECRET=" + checkSecret, "WECHAT_UPSTREAMS=https://x.invalid"}), transport: transport}
	r := c.run(t.Context(), nil)
	text := r.text()
	if r.OK || strings.Count(text, (&wechat.Failure{Kind: wechat.NoSuchHost}).Advice().ZH) != 2 || !strings.Contains(text, "FAIL  host x.invalid: host name not found in DNS") {
		t.Errorf("it says:\n%s", text)
	}
}
