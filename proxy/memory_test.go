package proxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// mostMemory is what the program may have had in memory at its peak, in KiB,
// with half a gigabyte on its way down and 16 uploads of 10 MiB on their way up.
const mostMemory = 96 << 10

// Bodies stream: what is in memory does not grow with them. The peak is that of
// a real process.
func TestMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it needs /proc/PID/status, which Linux has")
	}
	wechat := wechattest.NewServer(wechattest.Options{Accounts: []wechattest.Account{{AppID: shopID, Secret: shopSecret}}})
	defer wechat.Close()
	program, address := startProgram(t, wechat.URL)
	transport := &http.Transport{DialContext: servetest.Loopback, MaxIdleConnsPerHost: 32}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	if _, err := drain(client.Get(address + "/cgi-bin/user/get")); err != nil {
		t.Fatal(err)
	}
	before := peak(t, program)

	var calls sync.WaitGroup
	calls.Go(func() {
		const size = 512 << 20
		n, err := drain(client.Get(address + "/cgi-bin/media/get?media_id=big&size=" + strconv.Itoa(size)))
		if err != nil || n != size {
			t.Errorf("the download: %d bytes, %v", n, err)
		}
	})
	for range 16 {
		calls.Go(func() {
			body, contentType, size := film(10 << 20)
			r, err := http.NewRequest("POST", address+"/cgi-bin/media/upload?type=video", body)
			if err != nil {
				t.Error(err)
				return
			}
			r.ContentLength = size
			r.Header.Set("Content-Type", contentType)
			if _, err := drain(client.Do(r)); err != nil {
				t.Errorf("an upload: %v", err)
			}
		})
	}
	calls.Wait()
	after := peak(t, program)
	t.Logf("peak %d KiB, before %d KiB", after, before)
	if after > mostMemory {
		t.Errorf("%d KiB at the peak, want at most %d", after, mostMemory)
	}
	if n := wechat.Count("executed"); n != 1+1+16 {
		t.Errorf("%d calls were executed, want 18", n)
	}
}

// drain reads an answer that ought to be a good one, and returns its length.
func drain(resp *http.Response, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var start bytes.Buffer
	n, err := io.Copy(&start, io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return n, err
	}
	if resp.StatusCode != http.StatusOK || strings.Contains(start.String(), `"errcode":4`) {
		return n, fmt.Errorf("%d %.200s", resp.StatusCode, &start)
	}
	more, err := io.Copy(io.Discard, resp.Body)
	return n + more, err
}

// film is a multipart body with a film of n bytes, all zero, that takes no
// memory itself.
func film(n int64) (body io.Reader, contentType string, size int64) {
	var head bytes.Buffer
	m := multipart.NewWriter(&head)
	_, _ = m.CreateFormFile("media", "a.mp4") // a buffer takes everything
	tail := "\r\n--" + m.Boundary() + "--\r\n"
	size = int64(head.Len()) + n + int64(len(tail))
	return io.MultiReader(&head, io.LimitReader(zeros{}, n), strings.NewReader(tail)), m.FormDataContentType(), size
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// startProgram builds the whole program, starts it before the given WeChat, and
// returns its process id and its address. It ends with the test.
func startProgram(t *testing.T, wechat string) (pid int, address string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "wechat-token-proxy")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "..").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	c := exec.Command(binary)
	c.Env = []string{
		"WECHAT_APP_ID=" + shopID, "WECHAT_APP_SECRET=" + shopSecret, "WECHAT_UPSTREAMS=" + wechat,
		"PROXY_LISTEN=127.0.0.1:0", "PROXY_ADMIN_LISTEN=127.0.0.1:0", "PROXY_LOG_FORMAT=json", "TMPDIR=" + t.TempDir(),
	}
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		for lines.Scan() {
			// It must not wait for somebody to read.
		}
		if err := c.Wait(); err != nil {
			t.Errorf("the program ended: %v", err)
		}
	})
	for lines.Scan() {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			return c.Process.Pid, line.Address
		}
	}
	t.Fatalf("the program did not serve: %v", lines.Err())
	return 0, ""
}

// peak returns the most memory that a process has had, in KiB.
func peak(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
