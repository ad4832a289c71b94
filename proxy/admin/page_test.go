package admin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// soon is long enough for any machine; what must be quick has its own limit.
const soon = 20 * time.Second

func TestPageLooksRight(t *testing.T) {
	a, _ := example()
	b := openBrowser(t, a)
	axe, err := os.ReadFile(filepath.Join("testdata", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	for _, look := range []struct {
		name, scheme, language, lang, title string
		width, height                       int64
	}{
		{"light", "light", "en-US", "en", "Accounts", 1280, 1040},
		{"dark", "dark", "en-US", "en", "Accounts", 1280, 1040},
		{"light-zh", "light", "zh-CN", "zh-CN", "账号", 1280, 1040},
		{"phone", "light", "en-US", "en", "Accounts", 360, 1500},
		{"phone-zh-dark", "dark", "zh-CN", "zh-CN", "账号", 360, 1500},
		{"wide", "dark", "en-US", "en", "Accounts", 1920, 1080},
	} {
		b.emulate(look.width, look.height, look.scheme, look.language)
		b.visit("/")
		b.wait(soon, `document.querySelector("#latency-chart canvas")?.width > 0`)
		b.wait(soon, `document.getElementById("live").dataset.state === "live"`)
		b.is(fmt.Sprintf("document.documentElement.lang === %q", look.lang), look.name+": the language is right")
		b.is(fmt.Sprintf("document.getElementById('h-accounts').textContent === %q", look.title), look.name+": the text is right")
		b.is("document.querySelectorAll('#accounts tbody').length === 5", look.name+": all accounts are shown")
		b.is("document.documentElement.scrollWidth <= innerWidth", look.name+": the page does not scroll sideways")
		if look.width < 400 {
			b.is(`(({scrollWidth, clientWidth}) => scrollWidth <= clientWidth)(document.getElementById("accounts").parentElement)`, look.name+": the accounts do not scroll sideways")
			b.is(`[...document.querySelectorAll("#accounts th[scope=rowgroup], #accounts .state, #accounts .life, #accounts .act button")].every((e) => {
				const r = e.getBoundingClientRect(); return r.width > 20 && r.left >= 0 && r.right <= innerWidth;
			})`, look.name+": name, state, life and Renew are in sight")
		}
		b.is("!document.body.innerText.match(/undefined|NaN|null|\\[object/)", look.name+": no text is broken")
		b.screenshot(look.name)
		b.accessible(string(axe), look.name)
	}
	b.noProblems()
}

// accessible reports the accessibility problems that axe-core finds.
func (b *browser) accessible(axe, name string) {
	b.t.Helper()
	eval[chromedp.Void](b, axe+"\n;undefined")
	found := eval[[]string](b, `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations
		.filter((v) => v.impact === "serious" || v.impact === "critical")
		.map((v) => v.id + ": " + v.help + " " + v.nodes.slice(0, 3).map((n) => n.html + " " + n.any.map((c) => c.message).join(" ")).join(" | ")))`)
	for _, f := range found {
		b.t.Errorf("%s: %s", name, f)
	}
}

func TestPageShowsPercentiles(t *testing.T) {
	w := newWorld().with("shop")
	a := New(w.options())
	callsWithPercentiles(a, w.now)
	b := openBrowser(t, a)
	b.emulate(1280, 1000, "light", "en-US")
	b.visit("/")
	b.wait(soon, `document.querySelectorAll("#latency-legend tbody tr").length === 2`)
	shown := eval[string](b, `[...document.querySelectorAll("#latency-legend tr")].map((r) => [...r.cells].map((c) => c.innerText).join(" | ")).join("\n")`)
	// As near to 1, 10, 100 ms, and to twice that, as the histogram can tell.
	if want := "latest | 50 % | 95 % | 99 %\nProxy | 0.96 ms | 9.2 ms | 106 ms\nWeChat | 1.9 ms | 18 ms | 213 ms"; shown != want {
		t.Errorf("the page shows\n%s\nwant\n%s", shown, want)
	}
	b.noProblems()
}

func TestPageUpdatesWithinTwoSeconds(t *testing.T) {
	a, w := example()
	b := openBrowser(t, a)
	b.emulate(1280, 1000, "light", "en-US")
	b.visit("/")
	b.wait(soon, `document.getElementById("live").dataset.state === "live"`)
	b.is(`document.querySelector('tbody[data-account="staff"]').dataset.health === "ok"`, "staff is well")

	w.set(func() {
		s := &w.statuses["staff"][0]
		s.State, s.ExpiresAt, s.LastErr = token.Expired, w.now.Add(-time.Second), &errcode.Error{Platform: errcode.WeCom, Endpoint: errcode.Token, Code: 60020, Msg: "not allow to access from your ip, from ip: 5.6.7.8"}
	})
	a.Token(token.Event{Type: token.EventRenewal, Key: token.Key{Account: "staff", Kind: token.AccessToken}, Cause: token.CauseDemand, Result: token.ResultDenied, Err: errors.New("no")})
	a.Breaker("qyapi.weixin.qq.com", "closed", "open")
	b.wait(2*time.Second, `document.querySelector('tbody[data-account="staff"]').dataset.health === "down"
		&& document.querySelector("#verdict .words").textContent.startsWith("2 of 5 accounts")
		&& document.querySelector("#events tbody tr").innerText.includes("qyapi.weixin.qq.com breaker closed → open")`)
	b.is(`document.querySelector('tbody[data-account="staff"]').innerText.includes("5.6.7.8")`, "the page says which IP")
	b.noProblems()
}

func TestPageShowsRejections(t *testing.T) {
	a, w := example()
	w.with("game").with("shop", func(s *token.Status) { s.Rejected, s.LastRejectedErrcode = true, 40001 }).with("staff", rejectedForGoodStatus)
	a.Token(token.Event{Type: token.EventStore, Key: token.Key{Account: "shop", Kind: token.AccessToken}, Step: "damaged", Err: errors.New("it cannot be opened")})
	for i := range 40 {
		for _, name := range []string{"shop", "members"} {
			a.Call(stats.Call{At: w.now, Account: name, Class: "user", Status: 200, Errcode: 40003 + i*7})
		}
	}
	b := openBrowser(t, a)
	b.emulate(1280, 1000, "light", "en-US")
	b.visit("/")
	b.wait(soon, `document.querySelector("#verdict .words").textContent === "WeChat rejects the token of staff, and gives no other."`)
	bar := func(name string) string {
		return fmt.Sprintf(`getComputedStyle(document.querySelector('tbody[data-account=%q] .life .bar'), "::before").backgroundColor`, name)
	}
	b.is(bar("shop")+" !== "+bar("members"), "the life bar of a rejected token is not green")
	b.is(`document.querySelector('tbody[data-account="shop"]').innerText.includes("WeChat rejects its token (40001).")`, "the page says so")
	b.is(`document.querySelector('tbody[data-account="staff"]').innerText.includes("WeChat rejects its token (40001), and gives no other.")`, "and that no other is given")
	b.is(`document.querySelector('tbody[data-account="staff"] .state .level').dataset.level === "down"`, "its state is down")
	b.is(`document.getElementById("events").innerText.includes("A stored credential could not be read")`, "a damaged record is told in words")
	b.is(`document.querySelector("#errcodes tbody tr").innerText.includes("several")`, "an errcode of two accounts is of several")
	b.is(`document.getElementById("errcodes").parentElement.clientHeight < 600 && document.getElementById("errcodes").parentElement.tabIndex === 0`, "many errcodes scroll")
	b.screenshot("rejected")
	b.noProblems()
}

func TestPageRenews(t *testing.T) {
	a, w := example()
	b := openBrowser(t, a)
	b.emulate(1280, 1000, "light", "en-US")
	b.visit("/")
	const button = `[data-key="renew members access_token"]`
	w.set(func() { w.renewErr = fmt.Errorf("renew: %w", token.ErrBudget) })
	b.do(chromedp.Click(chromedp.CSS(button)))
	b.is(`document.getElementById("renew").open && document.getElementById("h-renew").textContent === "Renew the access_token of members?"`, "it asks first")
	b.do(chromedp.Click(chromedp.CSS("#renew-no")))
	b.is(`!document.getElementById("renew").open`, "it can be left")
	if len(w.renewed) != 0 {
		t.Error("renewed without a yes")
	}

	b.do(chromedp.Click(chromedp.CSS(button)), chromedp.Click(chromedp.CSS("#renew-yes")))
	b.mu.Lock()
	b.expected = "429" // Chromium logs the answer
	b.mu.Unlock()
	b.wait(soon, `document.getElementById("renew-error").innerText.includes("20 a day")`)
	b.screenshot("renew")

	w.set(func() {
		w.renewErr = nil
		w.statuses["members"][0].ExpiresAt = w.now.Add(2 * time.Hour)
	})
	b.do(chromedp.Click(chromedp.CSS("#renew-yes")))
	b.wait(soon, `!document.getElementById("renew").open && document.getElementById("say").textContent === "access_token of members renewed."`)
	b.wait(soon, `document.querySelector('tbody[data-account="members"] .life').innerText.startsWith("1 h 59 min") || document.querySelector('tbody[data-account="members"] .life').innerText.startsWith("2 h")`)
	if len(w.renewed) != 2 || w.renewed[1] != "members/access_token" {
		t.Errorf("renewed %v", w.renewed)
	}
	b.is(`document.activeElement?.dataset.key === "renew members access_token"`, "the focus is where it was")
	b.noProblems()
}

func TestPageTogglesAndExplains(t *testing.T) {
	a, _ := example()
	b := openBrowser(t, a)
	b.emulate(1280, 1000, "light", "en-US")
	b.visit("/")
	b.do(chromedp.Click(chromedp.CSS("#language")))
	b.is(`document.documentElement.lang === "zh-CN" && document.querySelector("#verdict .words").textContent.includes("账号 game")`, "it speaks Chinese")
	b.is(`![...document.querySelectorAll("[data-t]")].some((e) => e.textContent === e.dataset.t)`, "no text lacks a translation")
	before := eval[string](b, `getComputedStyle(document.body).backgroundColor`)
	b.do(chromedp.Click(chromedp.CSS("#theme")))
	b.is(fmt.Sprintf(`getComputedStyle(document.body).backgroundColor !== %q`, before), "it goes dark")
	b.visit("/")
	b.is(`document.documentElement.lang === "zh-CN" && document.documentElement.dataset.theme === "dark"`, "it remembers")
	b.do(chromedp.Click(chromedp.CSS("#language")), chromedp.Click(chromedp.CSS("#failures button")))
	b.is(`document.querySelector("[name=rid]").value === "6823f1aa-4c1d7b20-19aa03ef"`, "a failed call's rid is taken over")
	b.do(chromedp.Click(chromedp.CSS("#explain button")))
	b.wait(soon, `document.getElementById("explained").textContent.includes('"rid": "6823f1aa-4c1d7b20-19aa03ef"')`)
	b.noProblems()
}

func TestPageWithTenThousandAccounts(t *testing.T) {
	a, w := example()
	for i := range 10_000 {
		w.with(fmt.Sprintf("tenant-%05d", i))
	}
	b := openBrowser(t, a)
	b.emulate(1280, 1000, "light", "en-US")
	b.visit("/")
	b.wait(soon, `document.querySelectorAll("#accounts tbody").length === 50 && document.getElementById("pages").innerText.includes("1–50 of 10,005")`)
	b.is(`document.querySelector("#accounts tbody").dataset.account === "game"`, "what is down comes first")
	b.screenshot("many")
	b.do(chromedp.Click(chromedp.CSS(`[data-key="next"]`)))
	b.wait(soon, `document.getElementById("pages").innerText.includes("51–100 of 10,005")`)
	b.do(chromedp.SendKeys(chromedp.CSS("#q"), "TENANT-0999"))
	b.wait(soon, `document.querySelectorAll("#accounts tbody").length === 10 && document.querySelector("#accounts tbody").dataset.account === "tenant-09990"`)
	b.is(`document.activeElement.id === "q"`, "one can go on typing")
	b.noProblems()
}

func TestPageLoginAndReconnect(t *testing.T) {
	_, w := example()
	keyed := w.options()
	keyed.Key = secret.New(testKey)
	b := openBrowser(t, New(keyed))
	b.emulate(1280, 700, "light", "en-US")
	b.expected = "401"
	b.do(chromedp.Navigate(b.base+"/"), chromedp.SendKeys(chromedp.CSS("#key"), "wrong\r"))
	b.wait(soon, `document.querySelector("[role=alert]")?.textContent.includes("not the key")`)
	b.screenshot("login")
	b.do(chromedp.SendKeys(chromedp.CSS("#key"), testKey+"\r"))
	b.wait(soon, `document.getElementById("live")?.dataset.state === "live"`)
	b.noProblems()

	w.set(func() { w.draining = true })
	b.wait(soon, `document.querySelector("#verdict .words").textContent.startsWith("Shutting down")`)
	_ = b.server.Config.Close() // the listener and all connections
	b.wait(soon, `document.getElementById("live").dataset.state === "offline"`)
}

// All embedded files of the page are served, and no others.
func TestPageFiles(t *testing.T) {
	t.Parallel()
	a := New(newWorld().options())
	entries, err := pageFiles.ReadDir("ui")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		got := ask(t, a, "GET", "/ui/"+e.Name(), "")
		if got.Code != 200 || got.Body.Len() == 0 || got.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d", e.Name(), got.Code)
		}
		if again := ask(t, a, "GET", "/ui/"+e.Name(), "", "If-None-Match", got.Header().Get("ETag")); again.Code != 304 {
			t.Errorf("%s again: %d", e.Name(), again.Code)
		}
	}
	for _, path := range []string{"/ui/vendor/uplot/uPlot.iife.min.js", "/ui/vendor/uplot/uPlot.min.css"} {
		if got := ask(t, a, "GET", path, ""); got.Code != 200 {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
	for _, path := range []string{"/ui/", "/ui/vendor", "/ui/vendor/uplot/LICENSE", "/favicon.ico", "/ui/..%2fguard.go", "/api", "/api/accounts/shop/nothing"} {
		if got := ask(t, a, "GET", path, ""); got.Code != 404 {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
}
