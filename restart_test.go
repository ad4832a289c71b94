package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

// killed is a proxy that is killed and started again, with a file store.
type killed struct {
	t      *testing.T
	wechat *wechattest.Server
	dir    string
}

func newKilled(t *testing.T) *killed {
	return &killed{t: t, wechat: servetest.NewWeChat(t, nil), dir: filepath.Join(t.TempDir(), "store")}
}

// life starts the proxy, makes a call, and kills it with SIGKILL.
func (k *killed) life(more ...string) {
	k.t.Helper()
	before := k.wechat.Count("token")
	p := serveProcess(k.t, servetest.Shop(k.wechat, append([]string{"WECHAT_TOKEN_API=legacy", "PROXY_TOKEN_STORE=file://" + k.dir}, more...)...)...)
	if a := servetest.MustCall(k.t, servetest.NewClient(k.t, nil), "GET "+p.url+"/cgi-bin/user/get", ""); a.StatusCode != 200 || a.Code != 0 {
		k.t.Errorf("%d %s", a.StatusCode, a.Text)
	}
	if k.wechat.Count("token") > before {
		p.awaitLog("renewal") // it is told after it was stored
	}
	p.kill()
}

func (k *killed) fetched(want int, when string) {
	k.t.Helper()
	if n := k.wechat.Count("token"); n != want {
		k.t.Errorf("%s: %d token fetches in all, want %d", when, n, want)
	}
}

// records returns the files of the store that hold something.
func (k *killed) records() []string {
	k.t.Helper()
	files, err := filepath.Glob(filepath.Join(k.dir, "*"))
	if err != nil {
		k.t.Fatal(err)
	}
	var records []string
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
			records = append(records, f)
		}
	}
	if len(records) == 0 {
		k.t.Fatalf("nothing is stored: %v", files)
	}
	return records
}

func TestFiveKillsCostOneFetch(t *testing.T) {
	k := newKilled(t)
	for range 6 {
		k.life()
	}
	k.fetched(1, "after five kills")
	if info, err := os.Stat(k.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v, want 0700: %v", info.Mode(), err)
	}
	for _, f := range k.records() {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v, want 0600: %v", f, info.Mode(), err)
		}
	}
}

// A store that was damaged between two lives costs one fetch, and nothing else.
func TestADamagedStoreCostsOneFetch(t *testing.T) {
	k := newKilled(t)
	k.life()
	fetches := 1
	for _, c := range []struct {
		name   string
		damage func(file string) error
	}{
		{"overwritten", func(f string) error { return os.WriteFile(f, []byte("\x00\xff{garbage"), 0o600) }},
		{"cut in half", func(f string) error {
			info, err := os.Stat(f)
			if err != nil {
				return err
			}
			return os.Truncate(f, info.Size()/2)
		}},
		{"emptied", func(f string) error { return os.Truncate(f, 0) }},
		{"a bit flipped", func(f string) error {
			b, err := os.ReadFile(f)
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 1
			return os.WriteFile(f, b, 0o600)
		}},
		{"deleted", os.Remove},
	} {
		for _, f := range k.records() {
			if err := c.damage(f); err != nil {
				t.Fatal(err)
			}
		}
		k.life()
		fetches++
		k.fetched(fetches, c.name)
		k.life()
		k.fetched(fetches, c.name+", and once more")
	}
}

// A store is sealed with a key: the next key opens it as long as the old one is
// named, and without it the token is as good as lost.
func TestASealedStoreSurvivesARestart(t *testing.T) {
	key := func(b string) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(b, 32))) }
	k := newKilled(t)
	k.life("PROXY_STORE_KEY=" + key("a"))
	k.life("PROXY_STORE_KEY=" + key("a"))
	k.life("PROXY_STORE_KEY=" + key("b") + "," + key("a"))
	k.fetched(1, "with a key, and with a second one")
	for _, f := range k.records() {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range k.wechat.Issued() {
			if strings.Contains(string(b), token) {
				t.Errorf("%s holds a token in clear", f)
			}
		}
	}
	k.life("PROXY_STORE_KEY=" + key("c"))
	k.fetched(2, "with another key")
}
