package main

import (
	"bufio"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// sdkDir is where the SDKs are, and the script that runs them.
const sdkDir = "testdata/sdk/npm"

// realSDKs are the SDKs that run.mjs knows, and which of the steps they have.
var realSDKs = []struct{ name, steps string }{
	{"co-wechat-api", "token call upload download ticket signature"},
	{"wechat-api", "token call upload download ticket signature"},
	{"node-easywechat", "token call upload download ticket signature login"},
	{"node-easywechat stable", "token call"},
	{"nest-wechat", "token call download ticket signature login"},
	{"wechat-jssdk", "token call ticket signature login"},
}

// sdks is a process in which the SDKs run.
type sdks struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

// sdkStep is what an SDK is to do, see run.mjs.
type sdkStep struct {
	SDK    string `json:"sdk"`
	As     string `json:"as"`
	Step   string `json:"step"`
	AppID  string `json:"appid"`
	Secret string `json:"secret"`
	Arg    string `json:"arg"`
}

// sdkAnswer is what came of it.
type sdkAnswer struct {
	None   bool
	OK     json.RawMessage
	Failed *struct {
		Code  int
		Words string
	}
}

func (a sdkAnswer) String() string {
	if a.Failed != nil {
		return fmt.Sprintf("%d %s", a.Failed.Code, a.Failed.Words)
	}
	return string(a.OK)
}

// text is an answer that is a string.
func (a sdkAnswer) text() (s string) {
	_ = json.Unmarshal(a.OK, &s) // else ""
	return s
}

// startSDKs starts the process for a proxy. It ends with the test.
func startSDKs(t *testing.T, proxy string) *sdks {
	t.Helper()
	_, noNode := exec.LookPath("node")
	_, noModules := os.Stat(filepath.Join(sdkDir, "node_modules", "co-wechat-api"))
	if noNode != nil || noModules != nil {
		if os.Getenv("WTP_REQUIRE_ALL") == "1" {
			t.Fatalf("node or the SDKs are missing (make sdk-deps), and WTP_REQUIRE_ALL=1")
		}
		t.Skip("node or the SDKs are missing: make sdk-deps")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "node", "run.mjs")
	cmd.Dir = sdkDir
	// No proxy of the environment's: they are to reach this one alone.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(), "PROXY=" + proxy}
	said := servetest.NewOutput()
	cmd.Stderr = said
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if t.Failed() && said.String() != "" {
			t.Logf("node said: %s", said)
		}
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	return &sdks{t, in, lines}
}

// do has an SDK do a step.
func (s *sdks) do(step sdkStep) sdkAnswer {
	s.t.Helper()
	if step.AppID == "" {
		step.AppID = servetest.ShopID
	}
	if err := json.NewEncoder(s.in).Encode(step); err != nil {
		s.t.Fatal(err)
	}
	if !s.out.Scan() {
		s.t.Fatalf("%s, %s: node ended (%v)", step.SDK, step.Step, s.out.Err())
	}
	var a sdkAnswer
	if err := json.Unmarshal(s.out.Bytes(), &a); err != nil {
		s.t.Fatalf("%s, %s: %q: %v", step.SDK, step.Step, s.out.Text(), err)
	}
	return a
}

// Real SDKs, with nothing changed but where they call: all that they can do
// works, also when the token has died, and WeChat is asked for a token once,
// and once for each death.
func TestRealSDKs(t *testing.T) {
	wechat := servetest.NewWeChat(t, nil)
	proxy := serveHere(t, servetest.Shop(wechat)...)
	node := startSDKs(t, proxy.url)
	deaths := 0
	for _, sdk := range realSDKs {
		t.Run(sdk.name, func(t *testing.T) {
			run := &sdkRun{t: t, node: node, wechat: wechat, sdk: sdk.name}
			for step := range strings.FieldsSeq(sdk.steps) {
				a := node.do(sdkStep{SDK: sdk.name, As: "one", Step: step, Secret: "anything", Arg: run.argOf(step)})
				if a.None || a.Failed != nil {
					t.Errorf("%s: %v", step, a)
					continue
				}
				run.check(step, a)
			}
			wechat.Expire(servetest.ShopID)
			deaths++
			if a := node.do(sdkStep{SDK: sdk.name, As: "one", Step: "call", Secret: "anything"}); a.Failed != nil {
				t.Errorf("with a dead token: %v", a)
			}
		})
	}
	if n := wechat.Count("token"); n != 1+deaths {
		t.Errorf("%d tokens were fetched, and %d died", n, deaths)
	}
	if n := wechat.Count("ticket"); n != 1 {
		t.Errorf("%d tickets were fetched", n)
	}
	checkWhatWeChatSaw(t, wechat)
}

// sdkRun is one SDK's way through the steps.
type sdkRun struct {
	t      *testing.T
	node   *sdks
	wechat *wechattest.Server
	sdk    string

	media, ticket string
}

func (r *sdkRun) argOf(step string) string {
	switch step {
	case "download":
		return r.media
	case "login":
		return "code-of-" + strings.ReplaceAll(r.sdk, " ", "-")
	}
	return ""
}

// check says whether what came of a step is right.
func (r *sdkRun) check(step string, a sdkAnswer) {
	r.t.Helper()
	switch step {
	case "token":
		if !strings.HasPrefix(a.text(), "wtp1_") {
			r.t.Errorf("its token: %v", a)
		}
	case "upload":
		if r.media = a.text(); r.media == "" {
			r.t.Errorf("its upload: %v", a)
		}
	case "download":
		var got struct {
			Bytes int
			Head  string
		}
		if err := json.Unmarshal(a.OK, &got); err != nil || got.Head != "ffd8ff" || got.Bytes < 100 {
			r.t.Errorf("its download: %v", a)
		}
	case "ticket":
		if r.ticket = a.text(); !slices.Contains(r.wechat.Issued(), r.ticket) {
			r.t.Errorf("its ticket: %v", a)
		}
	case "signature":
		r.checkSignature(a)
	case "login":
		if !strings.Contains(string(a.OK), `"openid"`) || strings.Contains(string(a.OK), servetest.ShopSecret) {
			r.t.Errorf("its login: %v", a)
		}
	}
}

func (r *sdkRun) checkSignature(a sdkAnswer) {
	r.t.Helper()
	var got struct {
		AppID     string `json:"appId"`
		NonceStr  string
		Timestamp any // a number here, a string there
		Signature string
	}
	if err := json.Unmarshal(a.OK, &got); err != nil {
		r.t.Errorf("its signature: %v", a)
		return
	}
	timestamp := fmt.Sprint(got.Timestamp)
	if n, ok := got.Timestamp.(float64); ok {
		timestamp = fmt.Sprintf("%.0f", n)
	}
	sum := sha1.Sum([]byte("jsapi_ticket=" + r.ticket + "&noncestr=" + got.NonceStr + "&timestamp=" + timestamp + "&url=https://shop.example/a?b=c"))
	if got.Signature != hex.EncodeToString(sum[:]) || got.AppID != servetest.ShopID {
		r.t.Errorf("its signature: %v", a)
	}
}

// checkWhatWeChatSaw: no chunked body, nothing that WeChat forbids, and no
// token but those it gave.
func checkWhatWeChatSaw(t *testing.T, wechat *wechattest.Server) {
	t.Helper()
	issued := wechat.Issued()
	for _, c := range wechat.Seen() {
		if c.Chunked || c.Token != "" && !slices.Contains(issued, c.Token) || strings.Contains(c.RawQuery, "wtp1_") || strings.Contains(c.RawQuery, "anything") {
			t.Errorf("WeChat saw %s %s?%s, chunked %v", c.Method, c.Path, c.RawQuery, c.Chunked)
		}
	}
	if n := wechat.Count("violation"); n != 0 {
		t.Errorf("%d calls that WeChat forbids", n)
	}
}

// Real SDKs with a client key for their secret: each is known by it, is
// refused in WeChat's own words with a wrong one, and gets nothing once the
// key is deleted from the file.
func TestRealSDKsWithKeysOfTheirOwn(t *testing.T) {
	wechat := servetest.NewWeChat(t, nil)
	accounts := "accounts:\n  - {name: shop, app_id: " + servetest.ShopID + ", app_secret: " + servetest.ShopSecret + "}\nclients:\n  - {name: other, key_sha256: " + keyHash("another-key") + "}\n"
	clients := accounts
	for _, sdk := range realSDKs {
		clients += "  - {name: " + clientName(sdk.name) + ", key_sha256: " + keyHash("key-of-"+clientName(sdk.name)) + "}\n"
	}
	file := filepath.Join(t.TempDir(), "proxy.yaml")
	servetest.WriteFile(t, file, clients)
	proxy := serveHere(t, "PROXY_CONFIG_FILE="+file, "WECHAT_UPSTREAMS="+wechat.URL, "PROXY_LOG_FORMAT=json")
	node := startSDKs(t, proxy.url)
	keyOf := func(sdk string) string { return "key-of-" + clientName(sdk) }

	for _, sdk := range realSDKs {
		for _, step := range []string{"call", "ticket", "login"} {
			a := node.do(sdkStep{SDK: sdk.name, As: "keyed", Step: step, Secret: keyOf(sdk.name), Arg: "keyed-" + clientName(sdk.name)})
			if a.Failed != nil {
				t.Errorf("%s, %s: %v", sdk.name, step, a)
			}
		}
		if !strings.Contains(proxy.log.String(), `"client":"`+clientName(sdk.name)+`"`) {
			t.Errorf("%s is not in the log", sdk.name)
		}
		if a := node.do(sdkStep{SDK: sdk.name, As: "stranger", Step: "wrong", Secret: "no-key-at-all"}); a.Failed == nil || a.Failed.Code != 40125 {
			t.Errorf("%s with a wrong key: %v", sdk.name, a)
		}
	}

	servetest.WriteFile(t, file, accounts)
	http := servetest.NewClient(t, nil)
	servetest.Eventually(t, "the keys are deleted", func() bool {
		return servetest.MustCall(t, http, "GET "+proxy.url+"/cgi-bin/token?secret="+keyOf("co-wechat-api"), "").Code == 40125
	})
	calls := wechat.Count("call")
	for _, sdk := range realSDKs {
		// An SDK may see its placeholder refused, or, if that makes it fetch
		// another, its key.
		a := node.do(sdkStep{SDK: sdk.name, As: "keyed", Step: "call", Secret: keyOf(sdk.name)})
		if a.Failed == nil || a.Failed.Code != 40001 && a.Failed.Code != 40125 {
			t.Errorf("%s after its key was deleted: %v", sdk.name, a)
		}
	}
	if n := wechat.Count("call") - calls; n != 0 {
		t.Errorf("%d calls went on after the keys were deleted", n)
	}
	if n := wechat.Count("token"); n != 1 {
		t.Errorf("%d tokens were fetched", n)
	}
	checkWhatWeChatSaw(t, wechat)
}

// clientName is an SDK's name as a client's may be.
func clientName(sdk string) string { return strings.ReplaceAll(sdk, " ", "-") }

func keyHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
