package stats

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// maxErrcodes bounds how many of WeChat's errcodes are counted.
const maxErrcodes = 200

// errcodes counts the last hour's calls by errcode.
type errcodes struct {
	seen   copyOnWrite[codeKey, *codeCounter]
	pruned atomic.Int64 // Unix time
}

type codeKey struct {
	platform errcode.Platform
	code     int
}

type codeCounter struct {
	calls     lastHour
	lastNS    atomic.Int64
	account   atomic.Pointer[string] // of the last call
	changedNS atomic.Int64           // when account last changed from one to another
}

func (e *errcodes) add(c *Call, account *string) {
	key := codeKey{c.Platform, c.Errcode}
	n, ok := e.seen.get(key)
	if !ok {
		full := func(n int) bool { return n >= maxErrcodes }
		if n, ok = e.seen.getOrAdd(key, full, func() *codeCounter { return &codeCounter{} }); !ok {
			e.prune(c.At)
			return
		}
	}
	n.calls.add(c.At)
	n.lastNS.Store(c.At.UnixNano())
	if last := n.account.Swap(account); last != nil && *last != *account {
		n.changedNS.Store(c.At.UnixNano())
	}
}

// prune makes room by dropping errcodes that were not seen for an hour; at most
// once a minute.
func (e *errcodes) prune(now time.Time) {
	last := e.pruned.Load()
	if now.Unix()-last < 60 || !e.pruned.CompareAndSwap(last, now.Unix()) {
		return
	}
	e.seen.deleteFunc(func(_ codeKey, n *codeCounter) bool { return n.calls.sum(now) == 0 })
}

// Errcode is one of WeChat's errcodes in the last hour.
type Errcode struct {
	Platform errcode.Platform `json:"platform"`
	Errcode  int              `json:"errcode"`
	// Name is a short name; empty for an unknown errcode.
	Name string `json:"name,omitempty"`
	// Verdict is what the proxy does about it: renew, busy, limited, denied,
	// retired or caller.
	Verdict errcode.Verdict `json:"verdict"`
	// Calls counts the last hour's calls that ended with it, to five minutes.
	Calls  uint64    `json:"calls"`
	LastAt time.Time `json:"last_at"`
	// Account is that of the last such call.
	Account string `json:"account"`
	// Several: in the last hour other accounts got it too.
	Several bool            `json:"several,omitempty"`
	Advice  *errcode.Advice `json:"advice,omitempty"`
}

// list returns the last hour's errcodes, the most frequent first.
func (e *errcodes) list(now time.Time) []Errcode {
	out := []Errcode{}
	for k, n := range e.seen.all() {
		calls := n.calls.sum(now)
		if calls == 0 {
			continue
		}
		row := Errcode{
			Platform: k.platform, Errcode: k.code, Name: errcode.Name(k.platform, k.code),
			Verdict: errcode.Classify(k.platform, errcode.API, k.code), Calls: calls,
			LastAt: time.Unix(0, n.lastNS.Load()).UTC(), Advice: AdviceFor(k.platform, errcode.API, k.code, ""),
		}
		if name := n.account.Load(); name != nil {
			row.Account = *name
			row.Several = now.Sub(time.Unix(0, n.changedNS.Load())) < time.Hour
		}
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b Errcode) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Errcode, b.Errcode))
	})
	return out
}

// AdviceFor returns what [errcode.AdviceFor] says, nil if that is nothing. An
// empty platform counts as errcode.MP.
func AdviceFor(p errcode.Platform, e errcode.Endpoint, code int, msg string) *errcode.Advice {
	a := errcode.AdviceFor(cmp.Or(p, errcode.MP), e, code, msg)
	if a.EN == "" {
		return nil
	}
	return &a
}
