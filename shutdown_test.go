package main

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// Calls in flight end as if nothing had happened; meanwhile the proxy takes no
// new ones and says so to who asks whether it is ready.
func TestCallsInFlightEndWithinTheGrace(t *testing.T) {
	wechat := servetest.NewWeChat(t, nil)
	p := serveProcess(t, servetest.Shop(wechat, "PROXY_SHUTDOWN_GRACE=20s")...)
	c := servetest.NewClient(t, nil)
	ready := func() int {
		a, err := servetest.Call(c, "GET "+p.admin+"/readyz", "")
		if err != nil {
			return 0
		}
		return a.StatusCode
	}
	servetest.Eventually(t, "the proxy is ready", func() bool { return ready() == 200 })
	wechat.ResetLog()
	wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/message", Kind: wechattest.Late, Delay: time.Second})
	const calls = 20
	answers := make(chan servetest.Answer, calls)
	for range calls {
		go func() {
			a, err := servetest.Call(c, "POST "+p.url+"/cgi-bin/message/custom/send", `{"touser":"x","msgtype":"text","text":{"content":"x"}}`)
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}()
	}
	if err := wechat.Await(t.Context(), calls); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGTERM)
	p.awaitLog("shutdown")
	if got := ready(); got != 503 {
		t.Errorf("/readyz says %d while calls end, want 503", got)
	}
	servetest.Eventually(t, "no new call is taken", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	for range calls {
		if a := <-answers; a.Response == nil || a.StatusCode != 200 || a.Code != 0 {
			t.Errorf("a call in flight got %v %s", a.Response, a.Text)
		}
	}
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if n := wechat.Count("executed"); n != calls {
		t.Errorf("%d calls were executed, want %d", n, calls)
	}
}

// A call that outlasts the grace is broken off, and the end is an orderly one.
func TestTheGraceHasAnEnd(t *testing.T) {
	wechat := servetest.NewWeChat(t, nil)
	h := serveHere(t, servetest.Shop(wechat, "PROXY_SHUTDOWN_GRACE=100ms")...)
	servetest.Eventually(t, "the proxy is ready", func() bool { return h.readyz().StatusCode == 200 })
	wechat.ResetLog()
	wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/user", Kind: wechattest.Hang})
	broken := make(chan error, 1)
	go func() {
		_, err := servetest.Call(servetest.NewClient(t, nil), "GET "+h.url+"/cgi-bin/user/get", "")
		broken <- err
	}()
	if err := wechat.Await(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := h.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if err := <-broken; err == nil {
		t.Error("a call that hangs was answered")
	}
	if log := h.log.String(); !strings.Contains(log, "calls in flight") {
		t.Errorf("it does not say that a call was broken off:\n%s", log)
	}
}

// A second signal ends the process at once.
func TestASecondSignalEndsTheProcess(t *testing.T) {
	wechat := servetest.NewWeChat(t, nil)
	p := serveProcess(t, servetest.Shop(wechat, "PROXY_SHUTDOWN_GRACE=1h")...)
	p.awaitLog("renewal")
	wechat.ResetLog()
	wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/user", Kind: wechattest.Hang})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = servetest.Call(servetest.NewClient(t, nil), "GET "+p.url+"/cgi-bin/user/get", "") // broken off
	}()
	if err := wechat.Await(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGTERM)
	p.awaitLog("shutdown")
	servetest.Eventually(t, "it ends", func() bool {
		select {
		case <-p.ended:
			return true
		default:
			_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may just have ended
			return false
		}
	})
	if code := p.exitCode(); code == 0 {
		t.Error("exit code 0 though a call was broken off")
	}
	<-done
}
