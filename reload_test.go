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
	write(t, name, text)
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
	wechat := newWechat(t, func(o *wechattest.Options) {
		o.NoOverlap = true
		o.Accounts = append(o.Accounts, wechattest.Account{AppID: movingID, Secret: "moving-0"}, wechattest.Account{AppID: guestID, Secret: "guest"})
	})
	settled := "accounts:\n" + entry("shop", shopID, shopSecret) + entry("blog", blogID, blogSecret)
	moving, guest := entry("moving", movingID, "moving-0"), ""
	file := configFile(t, settled+moving)
	p := serveProcess(t, "PROXY_CONFIG_FILE="+file, "WECHAT_TOKEN_API=legacy", "WECHAT_UPSTREAMS="+wechat.URL)

	var load sync.WaitGroup
	var calls atomic.Int64
	done := make(chan struct{})
	c := newClient(t, nil)
	for i := range 2 * callers {
		account := []string{"shop", "blog"}[i%2]
		load.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				a, err := call(c, "POST "+p.url+"/@"+account+"/cgi-bin/message/custom/send", `{"touser":"x","msgtype":"text","text":{"content":"x"}}`)
				if err != nil || a.StatusCode != 200 || a.Code != 0 {
					t.Errorf("a call of %s: %v %s", account, err, a.body)
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
		write(t, file, text)
		if i%10 != 9 { // then the file's change alone does it
			p.signal(syscall.SIGHUP)
		}
		eventually(t, "the settings are read again", func() bool { return reloadsOf(p) > before })
		want := 404
		if guest != "" {
			want = 200
		}
		eventually(t, fmt.Sprintf("version %d: the guest gets %d", i, want), func() bool {
			return mustCall(t, c, "GET "+p.url+"/@guest/cgi-bin/user/get", "").StatusCode == want
		})
	}
	close(done)
	load.Wait()
	for id, want := range map[string]int{shopID: 1, blogID: 1, guestID: guests, movingID: 1 + moves} {
		if n := wechat.Count("token:" + id); n != want {
			t.Errorf("%s: %d token fetches, want %d", id, n, want)
		}
	}
	if n := strings.Count(p.stderr.String(), `"msg":"reload","result":"refused"`); n < reloads/5 {
		t.Errorf("%d versions were refused, want %d", n, reloads/5)
	}
	t.Logf("%d calls", calls.Load())
}

func reloadsOf(p *process) int { return strings.Count(p.stderr.String(), `"msg":"reload"`) }

// Whoever's line is deleted is a stranger at once, whatever he shows.
func TestADeletedKeyIsRefusedWithoutARestart(t *testing.T) {
	const key, other = "a-key-that-will-be-deleted", "a-key-that-stays"
	wechat := newWechat(t, nil)
	accounts := "accounts:\n" + entry("shop", shopID, shopSecret) + "clients:\n" + client("billing", other)
	file := configFile(t, accounts+client("leaving", key))
	h := serveHere(t, "PROXY_CONFIG_FILE="+file, "WECHAT_UPSTREAMS="+wechat.URL)
	c := newClient(t, nil)
	tokenFor := func(key string) answer {
		return mustCall(t, c, "GET "+h.url()+"/cgi-bin/token?grant_type=client_credential&appid="+shopID+"&secret="+key, "")
	}
	use := func(query string, headers ...string) answer {
		return mustCall(t, c, "GET "+h.url()+"/cgi-bin/user/get"+query, "", headers...)
	}
	placeholder := bodyField(tokenFor(key), "access_token")
	if a := use("?access_token=" + placeholder); placeholder == "" || a.StatusCode != 200 || a.Code != 0 {
		t.Fatalf("before: %d %s", a.StatusCode, a.body)
	}
	write(t, file, accounts)
	began := time.Now()
	eventually(t, "the key is refused", func() bool { return use("", "Authorization: Bearer "+key).StatusCode == 401 })
	t.Logf("after %v", time.Since(began))
	if a := use("?access_token=" + placeholder); a.StatusCode != 200 || a.Code != 40001 {
		t.Errorf("its placeholder: %d %s, want WeChat's 40001", a.StatusCode, a.body)
	}
	if a := tokenFor(key); a.StatusCode != 200 || a.Code != 40125 {
		t.Errorf("as a secret: %d %s, want WeChat's 40125", a.StatusCode, a.body)
	}
	if a := use("", "Authorization: Bearer "+other); a.StatusCode != 200 || a.Code != 0 {
		t.Errorf("the client that stays: %d %s", a.StatusCode, a.body)
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
	wechat := newWechat(t, nil)
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "an-old-secret\n")
	h := serveHere(t, "WECHAT_UPSTREAMS="+wechat.URL,
		"PROXY_CONFIG_FILE="+configFile(t, "accounts:\n  - {name: shop, app_id: "+shopID+", app_secret_file: "+secret+"}\n"))
	c := newClient(t, nil)
	eventually(t, "WeChat has said no", func() bool { return h.manager.Status("shop")[0].LastErr != nil })
	if a := mustCall(t, c, "GET "+h.url()+"/cgi-bin/user/get", ""); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
		t.Errorf("before: %d %s, want 503 with Retry-After", a.StatusCode, a.body)
	}
	write(t, secret, shopSecret+"\n")
	eventually(t, "the new secret is used", func() bool { return wechat.Count("issued") == 1 })
	if a := mustCall(t, c, "GET "+h.url()+"/cgi-bin/user/get", ""); a.StatusCode != 200 || a.Code != 0 {
		t.Errorf("after: %d %s", a.StatusCode, a.body)
	}
	if n := wechat.Count("token"); n != 2 {
		t.Errorf("%d token fetches, want 2", n)
	}
}

// An account that was taken out is not served and not renewed any more.
func TestAnAccountTakenOutIsLeftAlone(t *testing.T) {
	wechat := newWechat(t, func(o *wechattest.Options) { o.TokenLife = 2 * time.Second }) // renewed every second
	stays := "accounts:\n" + entry("shop", shopID, shopSecret)
	file := configFile(t, stays+entry("blog", blogID, blogSecret))
	h := serveHere(t, "PROXY_CONFIG_FILE="+file, "WECHAT_UPSTREAMS="+wechat.URL)
	c := newClient(t, nil)
	if a := mustCall(t, c, "GET "+h.url()+"/@blog/cgi-bin/user/get", ""); a.StatusCode != 200 {
		t.Fatalf("before: %d %s", a.StatusCode, a.body)
	}
	write(t, file, stays)
	eventually(t, "blog is gone", func() bool { return mustCall(t, c, "GET "+h.url()+"/@blog/cgi-bin/user/get", "").StatusCode == 404 })
	if a := mustCall(t, c, "GET "+h.url()+"/@"+blogID+"/cgi-bin/user/get", ""); a.StatusCode != 404 {
		t.Errorf("by its appid: %d %s, want 404", a.StatusCode, a.body)
	}
	after, shop := wechat.Count("token:"+blogID), wechat.Count("token:"+shopID)
	eventually(t, "shop is renewed three times", func() bool { return wechat.Count("token:"+shopID) >= shop+3 })
	if n := wechat.Count("token:" + blogID); n > after+1 { // one may have been under way
		t.Errorf("blog was fetched %d times after it was taken out", n-after)
	}
	if a := mustCall(t, c, "GET "+h.admin+"/api/status", ""); strings.Contains(a.body, `"id":"`+blogID) {
		t.Errorf("the operator is still shown blog: %s", a.body)
	}
}
