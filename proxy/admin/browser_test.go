package admin

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a Chromium that visits one server, and records what must not
// happen: console errors, and requests to other servers.
type browser struct {
	t      *testing.T
	ctx    context.Context
	server *httptest.Server
	base   string

	mu       sync.Mutex
	problems []string
	expected string // problems that contain it are ignored; empty: none are
}

func openBrowser(t *testing.T, a *Admin) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		missing(t, "chromium")
	}
	server := httptest.NewServer(a)
	t.Cleanup(server.CloseClientConnections)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-US"),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(time.Minute))
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(stop)
	ctx, stopBrowser := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stopBrowser)
	ctx, stopTab := chromedp.NewContext(ctx)
	t.Cleanup(stopTab)
	b := &browser{t: t, ctx: ctx, server: server, base: server.URL}
	if err := chromedp.Listen(ctx, b.record); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return b
}

func (b *browser) record(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	add := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); b.expected == "" || !strings.Contains(text, b.expected) {
			b.problems = append(b.problems, text)
		}
	}
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if url := e.Request.URL; !strings.HasPrefix(url, b.base+"/") && !strings.HasPrefix(url, "data:") {
			add("asked for %s", url)
		}
	case *runtime.EventExceptionThrown:
		add("threw %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			add("console: %s %+v", e.Type, e.Args)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			add("log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	}
}

// call runs one command of the browser's protocol.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// eval returns the value of a script expression, awaited if it is a promise.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := tryEval[T](b, expression)
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func tryEval[T any](b *browser, expression string) (T, error) {
	return chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, func(p *runtime.EvaluateParams) { p.AwaitPromise = new(true) }))
}

// do runs actions. They wait for the elements they need until the test ends.
func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// wait polls until the expression is true, and fails the test if it is not within
// the given time. Errors are ignored: they occur while another page loads.
func (b *browser) wait(within time.Duration, expression string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, within)
	defer stop()
	for look := time.NewTicker(50 * time.Millisecond); ; {
		if is, err := tryEval[bool](b, "!!("+expression+")"); err == nil && is {
			look.Stop()
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			b.noProblems()
			b.t.Fatalf("not within %v: %s\n%s", within, expression, eval[string](b, "document.body.innerText"))
		}
	}
}

func (b *browser) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
	b.wait(20*time.Second, `document.documentElement.dataset.ready === "true"`)
}

// emulate sets the size, theme and language of the browser.
func (b *browser) emulate(width, height int64, scheme, language string) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	call(b, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: "test", AcceptLanguage: language})
}

func (b *browser) is(expression string, what string) {
	b.t.Helper()
	if !eval[bool](b, "!!("+expression+")") {
		b.t.Errorf("not so: %s: %s", what, expression)
	}
}

// screenshot saves a picture of the visible part of the page, and one of all of
// it, to the folder WTP_SHOTS. Without that variable it does nothing.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	dir := os.Getenv("WTP_SHOTS")
	if dir == "" {
		return
	}
	for suffix, whole := range map[string]bool{"": false, "-whole": true} {
		png := call(b, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: new(whole)}).Data
		if err := os.WriteFile(filepath.Join(dir, name+suffix+".png"), png, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
}

// noProblems fails the test if the browser recorded problems.
func (b *browser) noProblems() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.problems {
		b.t.Error(text)
	}
	b.problems = nil
}
