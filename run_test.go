package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
)

// told is what run answered.
type told struct {
	code        int
	out, errors string
}

func runWith(ctx context.Context, environ []string, args ...string) told {
	var out, errs bytes.Buffer
	code := run(ctx, args, environ, &out, &errs)
	return told{code, out.String(), errs.String()}
}

func TestExitCodes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	settings := []string{"WECHAT_APP_ID=" + servetest.ShopID, "WECHAT_APP_SECRET=" + servetest.ShopSecret, "WECHAT_UPSTREAMS=http://127.0.0.1:1"}
	for _, c := range []struct {
		name    string
		environ []string
		args    []string
		code    int
		says    string
	}{
		{"a command that is not there", nil, []string{"srve"}, 2, `unknown command "srve"; commands: serve`},
		{"serve with an argument", nil, []string{"serve", "8080"}, 2, "serve takes no arguments\n"},
		{"the sandbox with an argument", nil, []string{"sandbox", "x"}, 2, "takes no arguments"},
		{"healthcheck with an argument", nil, []string{"healthcheck", "x"}, 2, "takes no arguments"},
		{"no account", nil, nil, 2, "no account configured: set WECHAT_APP_ID"},
		{"no account, and serve in words", nil, []string{"serve"}, 2, "no account configured"},
		{"the sandbox with a wrong setting", []string{"PROXY_LOG_LEVEL=loud"}, []string{"sandbox"}, 2, "PROXY_LOG_LEVEL"},
		{"an address that is taken", append(settings, "PROXY_LISTEN="+taken.Addr().String()), nil, 1, "PROXY_LISTEN=" + taken.Addr().String()},
		{"an admin address that is taken", append(settings, "PROXY_LISTEN=127.0.0.1:0", "PROXY_ADMIN_LISTEN="+taken.Addr().String()), nil, 1, "PROXY_ADMIN_LISTEN=" + taken.Addr().String()},
		{"a store that is a file", append(settings, "PROXY_LISTEN=127.0.0.1:0", "PROXY_ADMIN_LISTEN=127.0.0.1:0", "PROXY_TOKEN_STORE=file://"+os.Args[0]), nil, 1, "open the store"},
		{"nobody to ask for the health", []string{"PROXY_ADMIN_LISTEN=127.0.0.1:1"}, []string{"healthcheck"}, 1, "cannot reach the running proxy at 127.0.0.1:1"},
		{"no address to ask for the health", []string{"PROXY_ADMIN_LISTEN=8081"}, []string{"healthcheck"}, 2, "PROXY_ADMIN_LISTEN=8081 is not host:port"},
	} {
		got := runWith(t.Context(), c.environ, c.args...)
		if got.code != c.code || !strings.Contains(got.errors, c.says) || got.out != "" {
			t.Errorf("%s: exit code %d, want %d; it says %q and prints %q; want it to say %q", c.name, got.code, c.code, got.errors, got.out, c.says)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, arg := range []string{"help", "-h", "-help", "--help"} {
		got := runWith(t.Context(), nil, arg)
		if got.code != 0 || got.errors != "" {
			t.Errorf("%s: exit code %d, %q", arg, got.code, got.errors)
		}
		for _, want := range []string{"serve", "sandbox", "check", "import", "healthcheck", "version", "WECHAT_APP_ID", "PROXY_LOG_FORMAT", "default: 127.0.0.1:8080", "Exit codes"} {
			if !strings.Contains(got.out, want) {
				t.Errorf("%s does not tell of %s", arg, want)
			}
		}
	}
	for _, arg := range []string{"version", "-version", "--version"} {
		if got := runWith(t.Context(), nil, arg); got.code != 0 || !strings.HasPrefix(got.out, "wechat-token-proxy ") || !strings.Contains(got.out, runtime.Version()) {
			t.Errorf("%s: exit code %d, %q", arg, got.code, got.out)
		}
	}
}

// All problems, those of the file too, are told at once, each with its name and
// the value that is wrong; no secret is.
func TestAllProblemsAtOnce(t *testing.T) {
	const secret = "a secret that nobody must see"
	file := filepath.Join(t.TempDir(), "proxy.yaml")
	servetest.WriteFile(t, file, "accounts:\n  - name: shop\n    app_id: wx1\n    app_secret: "+secret+"\n    tokenapi: stable\nclients:\n  - name: billing\n    key_sha256: "+secret+"\n")
	got := runWith(t.Context(), []string{
		"WECHAT_APP_ID=wx 1", "WECHAT_APP_SECRET=" + secret, "WECHAT_TOKEN_API=new", "WECHAT_UPSTREAMS=ftp://x",
		"PROXY_LISTEN=0.0.0.0:8080", "PROXY_ADMIN_LISTEN=:8081", "PROXY_STORE_KEY=" + secret, "PROXY_TOKEN_STORE=sqlite:x",
		"PROXY_MAX_BODY=much", "PROXY_UPSTREAM_TIMEOUT=-1s", "PROXY_TLS_CERT_FILE=/nowhere", "PROXY_CONFIG_FILE=" + file,
	})
	if got.code != 2 {
		t.Errorf("exit code %d, want 2", got.code)
	}
	for _, want := range []string{
		"WECHAT_APP_ID=wx 1", "WECHAT_TOKEN_API=new", "WECHAT_UPSTREAMS=ftp://x", "PROXY_ADMIN_LISTEN=:8081", "PROXY_STORE_KEY",
		"PROXY_TOKEN_STORE=sqlite:***", "PROXY_MAX_BODY=much", "PROXY_UPSTREAM_TIMEOUT=-1s", "PROXY_TLS_CERT_FILE=/nowhere", "PROXY_TLS_KEY_FILE",
		file + ":5 tokenapi", file + ":8 key_sha256",
	} {
		if !strings.Contains(got.errors, want) {
			t.Errorf("nothing is said of %s:\n%s", want, got.errors)
		}
	}
	if strings.Contains(got.errors, secret) {
		t.Errorf("a secret is told:\n%s", got.errors)
	}
}

func TestAVariableThatIsAlmostRightIsWarnedAbout(t *testing.T) {
	h := serveHere(t, servetest.Shop(servetest.NewWeChat(t, nil), "PROXY_LISTN=x")...)
	if log := h.log.String(); !strings.Contains(log, "PROXY_LISTN") || !strings.Contains(log, "PROXY_LISTEN") {
		t.Errorf("it says:\n%s", log)
	}
}

func TestHealthcheckAsksTheRunningProxy(t *testing.T) {
	wechat := servetest.NewWeChat(t, nil)
	h := serveHere(t, servetest.Shop(wechat)...)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(h.admin, "http://"))
	servetest.Eventually(t, "the proxy is ready", func() bool { return h.readyz().StatusCode == 200 })
	for _, address := range []string{"127.0.0.1:" + port, "0.0.0.0:" + port, ":" + port, "[::]:" + port, "localhost:" + port} {
		if got := runWith(t.Context(), []string{"PROXY_ADMIN_LISTEN=" + address}, "healthcheck"); got.code != 0 || got.errors != "" {
			t.Errorf("at %s: exit code %d, %q", address, got.code, got.errors)
		}
	}
	wechat.SetSecret(servetest.ShopID, "another")
	ill := serveHere(t, servetest.Shop(wechat)...)
	servetest.Eventually(t, "WeChat has said no", func() bool { return strings.Contains(ill.readyz().Text, "40125") })
	got := runWith(t.Context(), []string{"PROXY_ADMIN_LISTEN=" + strings.TrimPrefix(ill.admin, "http://")}, "healthcheck")
	if got.code != 1 || !strings.Contains(got.errors, "not ready") || !strings.Contains(got.errors, "40125") {
		t.Errorf("exit code %d, %q; want 1, and WeChat's 40125", got.code, got.errors)
	}
}

func TestAMisspeltVariableIsNamedWhereTheStartFails(t *testing.T) {
	got := runWith(t.Context(), []string{"WECHAT_APPID=wx1", "WECHAT_APP_SECRET=s"})
	if got.code != exitUsage || !strings.Contains(got.errors, "WECHAT_APPID") || !strings.Contains(got.errors, "WECHAT_APP_ID") {
		t.Errorf("exit %d: %s", got.code, got.errors)
	}
}

// What the sandbox prints works as it stands there.
func TestTheSandboxAnswersItsOwnCurlLines(t *testing.T) {
	p := startProcess(t, nil, "sandbox")
	p.awaitServing()
	if !p.stdout.Await(p.ended, func(text string) bool { return strings.Contains(text, "Ctrl-C") }) {
		t.Fatalf("it prints\n%s", p.stdout)
	}
	lines := curlLine.FindAllStringSubmatch(p.stdout.String(), -1)
	if len(lines) != 3 {
		t.Fatalf("%d curl lines in\n%s", len(lines), p.stdout)
	}
	c := servetest.NewClient(t, nil)
	for _, l := range lines {
		url, body := l[1], l[2]
		method, headers := "GET", []string(nil)
		if body != "" { // as curl does
			method, headers = "POST", []string{"Content-Type: application/x-www-form-urlencoded"}
		}
		a := servetest.MustCall(t, c, method+" "+url, body, headers...)
		var v map[string]any
		if a.StatusCode != 200 || a.Code != 0 || json.Unmarshal([]byte(a.Text), &v) != nil || len(v) == 0 {
			t.Errorf("%s: %d %s", l[0], a.StatusCode, a.Text)
		}
	}
	p.signal(syscall.SIGTERM)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
}

var curlLine = regexp.MustCompile(`(?m)^ +curl '([^']+)'(?: -d '([^']*)')?$`)

func TestExitCodesOfRealProcesses(t *testing.T) {
	if code := startProcess(t, nil, "version").exitCode(); code != 0 {
		t.Errorf("version: exit code %d", code)
	}
	wrong := startProcess(t, nil)
	if code := wrong.exitCode(); code != 2 || !strings.Contains(wrong.stderr.String(), "WECHAT_APP_ID") {
		t.Errorf("no account: exit code %d, %s", code, wrong.stderr)
	}
	p := serveProcess(t, servetest.Shop(servetest.NewWeChat(t, nil))...)
	p.signal(os.Interrupt)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit code %d after Ctrl-C, want 0", code)
	}
}
