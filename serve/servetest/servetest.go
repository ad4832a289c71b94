// Package servetest helps tests of a running proxy: a WeChat and its accounts, a
// client, and what a program writes. Only tests import it.
//
// Map:
//
//	servetest.go  WeChat, settings and files for a test
//	client.go     calls, which reach only this machine
//	output.go     what a program writes, to be waited for
package servetest

import (
	"os"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// The accounts of [NewWeChat].
const (
	ShopID     = "wx0123456789abcdef"
	ShopSecret = "0123456789abcdef0123456789abcdef"
	BlogID     = "wxfedcba9876543210"
	BlogSecret = "fedcba9876543210fedcba9876543210"
)

// Patience is how long a test waits for what must happen.
const Patience = 30 * time.Second

// NewWeChat returns a WeChat with the accounts shop and blog. change may change
// its options; it may be nil.
func NewWeChat(t testing.TB, change func(*wechattest.Options)) *wechattest.Server {
	t.Helper()
	o := wechattest.Options{Accounts: []wechattest.Account{{AppID: ShopID, Secret: ShopSecret}, {AppID: BlogID, Secret: BlogSecret}}}
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

// Shop returns the settings of a proxy for the account shop, and more. Of a
// variable that is there twice the last counts.
func Shop(s *wechattest.Server, more ...string) []string {
	return append([]string{"WECHAT_APP_ID=" + ShopID, "WECHAT_APP_SECRET=" + ShopSecret, "WECHAT_UPSTREAMS=" + s.URL, "WECOM_UPSTREAMS=" + s.WeComURL}, more...)
}

// WriteFile writes a file as an editor does: aside, and renamed into place.
func WriteFile(t testing.TB, name, text string) {
	t.Helper()
	aside := name + ".new"
	if err := os.WriteFile(aside, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(aside, name); err != nil {
		t.Fatal(err)
	}
}

// Eventually waits until what must happen has happened, and ends the test if it
// does not within [Patience].
func Eventually(t testing.TB, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(Patience); !happened(); <-tick.C {
		if time.Now().After(limit) {
			t.Fatalf("this did not happen: %s", what)
		}
	}
}
