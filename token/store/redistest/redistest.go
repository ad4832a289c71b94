//go:build unix

// Package redistest runs real Redis servers for tests, on loopback.
//
// Map:
//
//	redistest.go  Start, StartSentinel, and what a test can do to a Server
package redistest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is a process that a test has started. It ends with the test.
type Server struct {
	// Addr is where it listens: "127.0.0.1:port".
	Addr string
	// URL is Addr as a redis:// URL, without user and password.
	URL string

	t       testing.TB
	binary  string
	args    []string
	running *process
}

type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// Start runs redis-server with args behind its own, which keep it on loopback,
// on a free port, and without files. It skips the test when there is no
// redis-server, or fails it where WTP_REQUIRE_ALL=1.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return run(t, "redis-server", append([]string{"--save", "", "--appendonly", "no"}, args...))
}

// StartSentinel runs redis-sentinel, which watches primary under the name
// "main" and needs no other's agreement to fail over after downAfter.
func StartSentinel(t testing.TB, primary *Server, downAfter time.Duration) *Server {
	t.Helper()
	host, port, _ := strings.Cut(primary.Addr, ":")
	path := filepath.Join(t.TempDir(), "sentinel.conf") // the process rewrites it
	conf := fmt.Sprintf("sentinel monitor main %s %s 1\nsentinel down-after-milliseconds main %d\nsentinel failover-timeout main 2000\n",
		host, port, downAfter.Milliseconds())
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, "redis-sentinel", []string{path})
}

func run(t testing.TB, name string, args []string) *Server {
	t.Helper()
	binary, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("WTP_REQUIRE_ALL") == "1" {
			t.Fatalf("%s is missing, and WTP_REQUIRE_ALL=1", name)
		}
		t.Skipf("%s is missing", name)
	}
	s := &Server{t: t, binary: binary}
	for range 5 { // somebody may take a free port before we do
		s.Addr = free(t)
		_, port, _ := strings.Cut(s.Addr, ":")
		s.args = []string{"--port", port, "--bind", "127.0.0.1"}
		if name == "redis-sentinel" { // its configuration file goes first
			s.args = slices.Concat(args[:1], s.args, args[1:])
		} else {
			s.args = slices.Concat(s.args, []string{"--dir", t.TempDir()}, args)
		}
		if s.start() {
			s.URL = "redis://" + s.Addr
			t.Cleanup(s.Kill)
			return s
		}
	}
	t.Fatalf("%s %q ends as soon as it is started", s.binary, s.args)
	return nil
}

// free returns an address where nobody listens.
func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts the process and waits until it answers; false: it has ended.
func (s *Server) start() bool {
	s.t.Helper()
	p := &process{cmd: exec.Command(s.binary, s.args...), ended: make(chan struct{})}
	if err := p.cmd.Start(); err != nil {
		s.t.Fatalf("start %s: %v", s.binary, err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	s.running = p
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); <-tick.C {
		if s.answers() {
			return true
		}
		select {
		case <-p.ended:
			return false
		default:
		}
	}
	s.Kill()
	s.t.Fatalf("%s never answers", s.binary)
	return false
}

// answers reports whether our process, not another on its port, answers. One
// that wants a password first is taken for ours.
func (s *Server) answers() bool {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("INFO server\r\n")); err != nil {
		return false
	}
	mine := fmt.Sprintf("process_id:%d", s.running.cmd.Process.Pid)
	for in := bufio.NewScanner(conn); in.Scan(); {
		if line := in.Text(); line == mine || strings.HasPrefix(line, "-NOAUTH") {
			return true
		}
	}
	return false
}

// Command sends one command and returns the first line of the answer as it is
// on the wire: "+OK", ":1", "$5", "-ERR …". It ends the test when there is none.
func (s *Server) Command(t testing.TB, words ...string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		t.Fatalf("%s: %v", words[0], err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := conn.Write([]byte(b.String())); err != nil {
		t.Fatalf("%s: %v", words[0], err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", words[0], err)
	}
	return strings.TrimRight(line, "\r\n")
}

// Stop pauses the process: connections stay, nothing is answered.
func (s *Server) Stop() { s.signal(syscall.SIGSTOP) }

// Cont lets a paused process go on.
func (s *Server) Cont() { s.signal(syscall.SIGCONT) }

// Kill ends the process at once. Killing it twice does nothing.
func (s *Server) Kill() {
	s.signal(syscall.SIGKILL)
	<-s.running.ended
}

// Restart ends the process and starts it again on the same port, empty.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	if !s.start() {
		s.t.Fatalf("%s ends as soon as it is started again", s.binary)
	}
}

func (s *Server) signal(sig syscall.Signal) {
	select {
	case <-s.running.ended:
	default:
		_ = s.running.cmd.Process.Signal(sig)
	}
}
