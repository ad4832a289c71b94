package main

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// entry is an account in a config file.
func entry(name, id, secret string) string {
	return fmt.Sprintf("  - {name: %s, app_id: %s, app_secret: %s}\n", name, id, secret)
}

// configFile returns the name of a config file with these accounts.
func configFile(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "proxy.yaml")
	servetest.WriteFile(t, name, text)
	return name
}

// A real process reads its settings again a hundred times, on SIGHUP or because
// the file changed, while calls are made: accounts come, change and go, and
// some versions are broken. The two accounts that no version touches notice
// nothing of it.
func TestAHundredReloadsUnderLoad(t *testing.T) {
	const (
		movingID, guestID = "wx00000000000000m0", "wx00000000000000g0"
		reloads, callers  = 100, 4
	)
	wechat := servetest.NewWeChat(t, func(o *wechattest.Options) {
		o.NoOverlap = true
		o.Accounts = append(o.Accounts, wechattest.Account{AppID: movingID, Secret: "moving-0"}, wechattest.Account{AppID: guestID, Secret: "guest"})
	})
	settled := "accounts:\n" + entry("shop", servetest.ShopID, servetest.ShopSecret) + entry("blog", servetest.BlogID, servetest.BlogSecret)
	moving, guest := entry("moving", movingID, "moving-0"), ""
	file := configFile(t, settled+moving)
	p := serveProcess(t, "PROXY_CONFIG_FILE="+file, "WECHAT_TOKEN_API=legacy", "WECHAT_UPSTREAMS="+wechat.URL)

	var load sync.WaitGroup
	var calls atomic.Int64
	done := make(chan struct{})
	c := servetest.NewClient(t, nil)
	for i := range 2 * callers {
		account := []string{"shop", "blog"}[i%2]
		load.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				a, err := servetest.Call(c, "POST "+p.url+"/@"+account+"/cgi-bin/message/custom/send", `{"touser":"x","msgtype":"text","text":{"content":"x"}}`)
				if err != nil || a.StatusCode != 200 || a.Code != 0 {
					t.Errorf("a call of %s: %v %s", account, err, a.Text)
					return
				}
				calls.Add(1)
			}
		})
	}
	guests, moves := 0, 0
	for i := range reloads {
		text := ""
		switch i % 5 {
		case 0:
			guest = entry("guest", guestID, "guest")
			guests++
		case 1:
			moves++
			wechat.SetSecret(movingID, fmt.Sprint("moving-", moves))
			moving = entry("moving", movingID, fmt.Sprint("moving-", moves))
		case 2:
			text = settled + "  - {name: shop, app_id: twice, app_secret: [x]}\n"
		case 3:
			guest = ""
		case 4:
			text = settled + moving + guest + "deny: [/cgi-bin/" + fmt.Sprint(i) + "]\n"
		}
		if text == "" {
			text = settled + moving + guest
		}
		before := reloadsOf(p)
		servetest.WriteFile(t, file, text)
		if i%10 != 9 { // then the file's change alone does it
			p.signal(syscall.SIGHUP)
		}
		servetest.Eventually(t, "the settings are read again", func() bool { return reloadsOf(p) > before })
		want := 404
		if guest != "" {
			want = 200
		}
		servetest.Eventually(t, fmt.Sprintf("version %d: the guest gets %d", i, want), func() bool {
			return servetest.MustCall(t, c, "GET "+p.url+"/@guest/cgi-bin/user/get", "").StatusCode == want
		})
	}
	close(done)
	load.Wait()
	for id, want := range map[string]int{servetest.ShopID: 1, servetest.BlogID: 1, guestID: guests, movingID: 1 + moves} {
		if n := wechat.Count("token:" + id); n != want {
			t.Errorf("%s: %d token fetches, want %d", id, n, want)
		}
	}
	if n := strings.Count(p.stderr.String(), `"msg":"reload","result":"refused"`); n < reloads/5 {
		t.Errorf("%d versions were not applied, want %d", n, reloads/5)
	}
	t.Logf("%d calls", calls.Load())
}

func reloadsOf(p *process) int { return strings.Count(p.stderr.String(), `"msg":"reload"`) }

// Whoever's line is deleted is a stranger at once, whatever he shows.
func TestADeletedKeyIsRefusedWithoutARestart(t *testing.T) {
	const key, other = "a-key-that-will-be-deleted", "a-key-that-stays"
	wechat := servetest.NewWeChat(t, nil)
	accounts := "accounts:\n" + entry("shop", servetest.ShopID, servetest.ShopSecret) + "clients:\n" + client("billing", other)
	file := configFile(t, accounts+client("leaving", key))
	h := serveHere(t, "PROXY_CONFIG_FILE="+file, "WECHAT_UPSTREAMS="+wechat.URL)
	c := servetest.NewClient(t, nil)
	tokenFor := func(key string) servetest.Answer {
		return servetest.MustCall(t, c, "GET "+h.url+"/cgi-bin/token?grant_type=client_credential&appid="+servetest.ShopID+"&secret="+key, "")
	}
	use := func(query string, headers ...string) servetest.Answer {
		return servetest.MustCall(t, c, "GET "+h.url+"/cgi-bin/user/get"+query, "", headers...)
	}
	placeholder := bodyField(tokenFor(key), "access_token")
	if a := use("?access_token=" + placeholder); placeholder == "" || a.StatusCode != 200 || a.Code != 0 {
		t.Fatalf("before: %d %s", a.StatusCode, a.Text)
	}
	servetest.WriteFile(t, file, accounts)
	began := time.Now()
	servetest.Eventually(t, "the key is refused", func() bool { return use("", "Authorization: Bearer "+key).StatusCode == 401 })
	t.Logf("after %v", time.Since(began))
	if a := use("?access_token=" + placeholder); a.StatusCode != 200 || a.Code != 40001 {
		t.Errorf("its placeholder: %d %s, want WeChat's 40001", a.StatusCode, a.Text)
	}
	if a := tokenFor(key); a.StatusCode != 200 || a.Code != 40125 {
		t.Errorf("as a secret: %d %s, want WeChat's 40125", a.StatusCode, a.Text)
	}
	if a := use("", "Authorization: Bearer "+other); a.StatusCode != 200 || a.Code != 0 {
		t.Errorf("the client that stays: %d %s", a.StatusCode, a.Text)
	}
	if n := wechat.Count("token"); n != 1 {
		t.Errorf("%d token fetches, want 1", n)
	}
}

func client(name, key string) string {
	return fmt.Sprintf("  - {name: %s, key_sha256: %x}\n", name, sha256.Sum256([]byte(key)))
}

// WeChat's "no" is waited out for half a minute and more; but not once there is
// a new secret, be it in a file that only the config file names.
func TestAChangedSecretIsUsedAtOnce(t *testing.T) {
	wechat := servetest.NewWeChat(t, nil)
	secret := filepath.Join(t.TempDir(), "secret")
	servetest.WriteFile(t, secret, "an-old-secret\n")
	h := serveHere(t, "WECHAT_UPSTREAMS="+wechat.URL,
		"PROXY_CONFIG_FILE="+configFile(t, "accounts:\n  - {name: shop, app_id: "+servetest.ShopID+", app_secret_file: "+secret+"}\n"))
	c := servetest.NewClient(t, nil)
	servetest.Eventually(t, "WeChat has said no", func() bool { return strings.Contains(h.readyz().Text, "40125") })
	if a := servetest.MustCall(t, c, "GET "+h.url+"/cgi-bin/user/get", ""); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
		t.Errorf("before: %d %s, want 503 with Retry-After", a.StatusCode, a.Text)
	}
	servetest.WriteFile(t, secret, servetest.ShopSecret+"\n")
	servetest.Eventually(t, "the new secret is used", func() bool { return wechat.Count("issued") == 1 })
	if a := servetest.MustCall(t, c, "GET "+h.url+"/cgi-bin/user/get", ""); a.StatusCode != 200 || a.Code != 0 {
		t.Errorf("after: %d %s", a.StatusCode, a.Text)
	}
	if n := wechat.Count("token"); n != 2 {
		t.Errorf("%d token fetches, want 2", n)
	}
}

// An account that was taken out is not served and not renewed any more.
func TestAnAccountTakenOutIsLeftAlone(t *testing.T) {
	wechat := servetest.NewWeChat(t, func(o *wechattest.Options) { o.TokenLife = 2 * time.Second }) // renewed every second
	stays := "accounts:\n" + entry("shop", servetest.ShopID, servetest.ShopSecret)
	file := configFile(t, stays+entry("blog", servetest.BlogID, servetest.BlogSecret))
	h := serveHere(t, "PROXY_CONFIG_FILE="+file, "WECHAT_UPSTREAMS="+wechat.URL)
	c := servetest.NewClient(t, nil)
	if a := servetest.MustCall(t, c, "GET "+h.url+"/@blog/cgi-bin/user/get", ""); a.StatusCode != 200 {
		t.Fatalf("before: %d %s", a.StatusCode, a.Text)
	}
	servetest.WriteFile(t, file, stays)
	servetest.Eventually(t, "blog is gone", func() bool {
		return servetest.MustCall(t, c, "GET "+h.url+"/@blog/cgi-bin/user/get", "").StatusCode == 404
	})
	if a := servetest.MustCall(t, c, "GET "+h.url+"/@"+servetest.BlogID+"/cgi-bin/user/get", ""); a.StatusCode != 404 {
		t.Errorf("by its appid: %d %s, want 404", a.StatusCode, a.Text)
	}
	after, shop := wechat.Count("token:"+servetest.BlogID), wechat.Count("token:"+servetest.ShopID)
	servetest.Eventually(t, "shop is renewed three times", func() bool { return wechat.Count("token:"+servetest.ShopID) >= shop+3 })
	if n := wechat.Count("token:" + servetest.BlogID); n > after+1 { // one may have been under way
		t.Errorf("blog was fetched %d times after it was taken out", n-after)
	}
	if a := servetest.MustCall(t, c, "GET "+h.admin+"/api/status", ""); strings.Contains(a.Text, `"id":"`+servetest.BlogID) {
		t.Errorf("the operator is still shown blog: %s", a.Text)
	}
}
