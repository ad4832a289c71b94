package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

const (
	shopID     = "wx0123456789abcdef"
	shopSecret = "0123456789abcdef0123456789abcdef"
	blogID     = "wxfedcba9876543210"
	blogSecret = "fedcba9876543210fedcba9876543210"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// process is a real process of the program. It ends with the test.
type process struct {
	t              testing.TB
	cmd            *exec.Cmd
	stdout, stderr *output
	ended          chan struct{}
	// where it listens, once it is serving
	url, admin string
}

// startProcess starts the program with variables as its environment; unless
// they say otherwise it listens on free ports.
func startProcess(t testing.TB, variables []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0], args...), stdout: newOutput(), stderr: newOutput(), ended: make(chan struct{})}
	p.cmd.Env = append([]string{runVariable + "=1", "TMPDIR=" + t.TempDir(), "PROXY_LISTEN=127.0.0.1:0", "PROXY_ADMIN_LISTEN=127.0.0.1:0"}, variables...)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // ProcessState says how it ended
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		log := p.stderr.String()
		for _, bad := range []string{"DATA RACE", "panic:", "panic serving"} {
			if at := strings.Index(log, bad); at >= 0 {
				t.Errorf("the process says:\n%s", log[at:min(at+4000, len(log))])
			}
		}
	})
	return p
}

// serveProcess starts the program and waits until it serves.
func serveProcess(t testing.TB, variables ...string) *process {
	t.Helper()
	p := startProcess(t, variables)
	p.awaitServing()
	return p
}

func (p *process) awaitServing() {
	p.t.Helper()
	line := p.awaitLog("serving")
	p.url, _ = line["address"].(string)
	p.admin, _ = line["admin"].(string)
}

// awaitLog waits for a line of the log with that message.
func (p *process) awaitLog(msg string) map[string]any {
	p.t.Helper()
	var found map[string]any
	if !p.stderr.await(p.ended, func(text string) bool {
		found = logLine(text, msg)
		return found != nil
	}) {
		p.t.Fatalf("the process does not say %q, but:\n%s", msg, p.stderr)
	}
	return found
}

// logLine returns the first line of a JSON log that has this message.
func logLine(log, msg string) map[string]any {
	for line := range strings.Lines(log) {
		var l map[string]any
		if json.Unmarshal([]byte(line), &l) == nil && l["msg"] == msg {
			return l
		}
	}
	return nil
}

// kill ends the process at once. Killing it twice does nothing.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// exitCode waits for the end of the process.
func (p *process) exitCode() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("the process goes on and on:\n%s", p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

// output is what a process has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed when there is more
}

func newOutput() *output { return &output{more: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.more)
	o.more = make(chan struct{})
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until enough has been written, until the writer has ended, or
// until patience does.
func (o *output) await(ended <-chan struct{}, enough func(text string) bool) bool {
	limit := time.After(patience)
	for {
		o.mu.Lock()
		text, more := o.text.String(), o.more
		o.mu.Unlock()
		if enough(text) {
			return true
		}
		select {
		case <-more:
		case <-ended:
			return enough(o.String())
		case <-limit:
			return false
		}
	}
}

// newWechat is a WeChat with the accounts shop and blog.
func newWechat(t testing.TB, change func(*wechattest.Options)) *wechattest.Server {
	t.Helper()
	o := wechattest.Options{Accounts: []wechattest.Account{{AppID: shopID, Secret: shopSecret}, {AppID: blogID, Secret: blogSecret}}}
	if change != nil {
		change(&o)
	}
	s := wechattest.NewServer(o)
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// shopOnly are the settings of a proxy for shop.
func shopOnly(s *wechattest.Server, more ...string) []string {
	return append([]string{"WECHAT_APP_ID=" + shopID, "WECHAT_APP_SECRET=" + shopSecret, "WECHAT_UPSTREAMS=" + s.URL}, more...)
}

// answer is what a client got.
type answer struct {
	*http.Response
	body string
	Code int    `json:"errcode"`
	Msg  string `json:"errmsg"`
}

// newClient is a client that follows no redirect and leaves nothing behind.
func newClient(t testing.TB, change func(*http.Transport)) *http.Client {
	transport := &http.Transport{DialContext: loopbackOnly, MaxIdleConnsPerHost: 512}
	if change != nil {
		change(transport)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport: transport, Timeout: 2 * patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// call makes a call: "GET http://…", with a body, and headers as "Name: value".
func call(c *http.Client, line, body string, headers ...string) (answer, error) {
	method, url, _ := strings.Cut(line, " ")
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, url, in)
	if err != nil {
		return answer{}, err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	a := answer{Response: resp, body: string(b)}
	_ = json.Unmarshal(b, &a) // not every answer is JSON
	return a, err
}

// mustCall is call where there must be an answer.
func mustCall(t testing.TB, c *http.Client, line, body string, headers ...string) answer {
	t.Helper()
	a, err := call(c, line, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// eventually waits until what must happen has happened.
func eventually(t testing.TB, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(patience); !happened(); <-tick.C {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
