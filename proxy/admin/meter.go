package admin

import (
	"strconv"
	"sync/atomic"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Names that stand for what has none, or for one too many.
const (
	labelNone      = "none"
	labelOther     = "other"
	labelAnonymous = "anonymous"
)

// Caps on the series of requests_total: of one account, and of all.
const (
	seriesPerAccount = 200
	seriesInAll      = 100_000
)

// codeOther stands for every errcode that is not in the table.
const codeOther = -1 << 31

// outcome is what requests_total tells apart within an account.
type outcome struct {
	class        string
	status, code int
}

func outcomeOf(c *Call) outcome {
	code := c.Errcode
	if code != 0 && !errcode.Known(platform(c.Platform), code) {
		code = codeOther
	}
	return outcome{c.Class, c.Status, code}
}

func platform(p errcode.Platform) errcode.Platform {
	if p == "" {
		return errcode.MP
	}
	return p
}

// folded is the outcome less its details: where a cap is reached.
func (o outcome) folded() outcome {
	if o.code != 0 {
		o.code = codeOther
	}
	return outcome{labelOther, min(max(o.status/100, 0), 9) * 100, o.code}
}

// labels returns class, status and errcode as metrics have them.
func (o outcome) labels() (class, status, code string) {
	code = labelOther
	if o.code != codeOther {
		code = strconv.Itoa(o.code)
	}
	return o.class, strconv.Itoa(o.status), code
}

// meter counts one account's calls.
type meter struct {
	name     string
	platform errcode.Platform
	outcomes cow[outcome, *atomic.Uint64]
	hour     hour
}

// requests returns the counter of c's outcome. d counts the series of all
// accounts.
func (m *meter) requests(d *directory, c *Call) *atomic.Uint64 {
	o := outcomeOf(c)
	if n, ok := m.outcomes.get(o); ok {
		return n
	}
	full := func(n int) bool { return n >= seriesPerAccount || d.series.Load() >= seriesInAll }
	make := func() *atomic.Uint64 { d.series.Add(1); return new(atomic.Uint64) }
	if n, ok := m.outcomes.add(o, full, make); ok {
		return n
	}
	n, _ := m.outcomes.add(o.folded(), func(int) bool { return false }, make) // some 20 of them
	return n
}
