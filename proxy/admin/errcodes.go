package admin

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// mostErrcodes bounds how many of WeChat's numbers are counted apart.
const mostErrcodes = 200

// errcodes counts the last hour's errcodes by number.
type errcodes struct {
	seen   cow[codeKey, *codeCount]
	tidied atomic.Int64 // Unix time
}

type codeKey struct {
	platform errcode.Platform
	code     int
}

type codeCount struct {
	calls   spans
	lastNS  atomic.Int64
	account atomic.Pointer[string] // of the last call
	mixedNS atomic.Int64           // when it was another account's than the one before
}

func (e *errcodes) add(c *Call, account *string) {
	key := codeKey{platform(c.Platform), c.Errcode}
	n, ok := e.seen.get(key)
	if !ok {
		full := func(n int) bool { return n >= mostErrcodes }
		if n, ok = e.seen.add(key, full, func() *codeCount { return &codeCount{} }); !ok {
			e.forget(c.At)
			return
		}
	}
	n.calls.add(c.At)
	n.lastNS.Store(c.At.UnixNano())
	if last := n.account.Swap(account); last != nil && *last != *account {
		n.mixedNS.Store(c.At.UnixNano())
	}
}

// forget drops what was not seen for an hour, to make room; at most once a
// minute.
func (e *errcodes) forget(now time.Time) {
	last := e.tidied.Load()
	if now.Unix()-last < 60 || !e.tidied.CompareAndSwap(last, now.Unix()) {
		return
	}
	e.seen.mu.Lock()
	defer e.seen.mu.Unlock()
	kept := map[codeKey]*codeCount{}
	for k, n := range e.seen.all() {
		if n.calls.sum(now) > 0 {
			kept[k] = n
		}
	}
	e.seen.now.Store(&kept)
}

// errcodeRow is one of WeChat's numbers in the last hour.
type errcodeRow struct {
	Platform errcode.Platform `json:"platform"`
	Errcode  int              `json:"errcode"`
	// Name is a short name; empty for a number that is not known.
	Name string `json:"name,omitempty"`
	// Verdict is what the proxy does about it: renew, busy, limited, denied,
	// retired or caller.
	Verdict errcode.Verdict `json:"verdict"`
	// Calls counts the last hour's calls that ended with it, to five minutes.
	Calls  uint64    `json:"calls"`
	LastAt time.Time `json:"last_at"`
	// Account is that of the last such call.
	Account string `json:"account"`
	// Several: in the last hour it was not always that account's.
	Several bool    `json:"several,omitempty"`
	Advice  *advice `json:"advice,omitempty"`
}

// advice is what to do, in words.
type advice struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

func adviceFor(p errcode.Platform, e errcode.Endpoint, code int, msg string) *advice {
	a := errcode.AdviceFor(p, e, code, msg)
	if a.EN == "" {
		return nil
	}
	return &advice{a.EN, a.ZH}
}

// rows returns the last hour's errcodes, the most frequent first.
func (e *errcodes) rows(now time.Time) []errcodeRow {
	out := []errcodeRow{}
	for k, n := range e.seen.all() {
		calls := n.calls.sum(now)
		if calls == 0 {
			continue
		}
		row := errcodeRow{
			Platform: k.platform, Errcode: k.code, Name: errcode.Name(k.platform, k.code),
			Verdict: errcode.Classify(k.platform, errcode.API, k.code), Calls: calls,
			LastAt: time.Unix(0, n.lastNS.Load()).UTC(), Advice: adviceFor(k.platform, errcode.API, k.code, ""),
		}
		if name := n.account.Load(); name != nil {
			row.Account = *name
			row.Several = now.Sub(time.Unix(0, n.mixedNS.Load())) < time.Hour
		}
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b errcodeRow) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Errcode, b.Errcode))
	})
	return out
}
