package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
)

// process is a real process of the program. It ends with the test.
type process struct {
	t              testing.TB
	cmd            *exec.Cmd
	stdout, stderr *servetest.Output
	ended          chan struct{}
	// where it listens, once it is serving
	url, admin string
}

// startProcess starts the program with variables as its environment; unless
// they say otherwise it listens on free ports.
func startProcess(t testing.TB, variables []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0], args...), stdout: servetest.NewOutput(), stderr: servetest.NewOutput(), ended: make(chan struct{})}
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
		for _, bad := range []string{"DATA RACE", "panic:", "panic serving", "a call panicked"} {
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
	if !p.stderr.Await(p.ended, func(text string) bool {
		found = logLine(text, msg)
		return found != nil
	}) {
		p.t.Fatalf("the process does not log %q, but:\n%s", msg, p.stderr)
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
	case <-time.After(servetest.Patience):
		p.t.Fatalf("the process does not end:\n%s", p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}
