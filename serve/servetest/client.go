package servetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Answer is what a client got.
type Answer struct {
	*http.Response
	// Text is the body, which was read and closed.
	Text string
	// Code and Msg are WeChat's errcode and errmsg, if the body has them.
	Code int    `json:"errcode"`
	Msg  string `json:"errmsg"`
}

// NewClient returns a client that follows no redirect and whose connections are
// closed when the test ends. change may change its transport; it may be nil.
func NewClient(t testing.TB, change func(*http.Transport)) *http.Client {
	transport := &http.Transport{DialContext: Loopback, MaxIdleConnsPerHost: 512}
	if change != nil {
		change(transport)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport: transport, Timeout: 2 * Patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Call makes a call: "GET http://…", with a body, and headers as "Name: value".
func Call(c *http.Client, line, body string, headers ...string) (Answer, error) {
	method, url, _ := strings.Cut(line, " ")
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, url, in)
	if err != nil {
		return Answer{}, err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := c.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	a := Answer{Response: resp, Text: string(b)}
	_ = json.Unmarshal(b, &a) // not every answer is JSON
	return a, err
}

// MustCall is [Call], but ends the test if there is no answer.
func MustCall(t testing.TB, c *http.Client, line, body string, headers ...string) Answer {
	t.Helper()
	a, err := Call(c, line, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Offline keeps net/http's default transport on this machine. It is for TestMain.
func Offline() {
	t := http.DefaultTransport.(*http.Transport)
	t.Proxy, t.DialContext = nil, Loopback
}

// Loopback is a DialContext that reaches only this machine.
func Loopback(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("a test dials %s", addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}
