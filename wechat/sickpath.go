package wechat

import (
	"sync"
	"sync/atomic"
	"time"
)

// notOfAPath is the name of failures that no path has caused.
const notOfAPath = ""

// paths remembers which paths failed and which worked of late, as little of it
// as is needed to tell a sick path from a sick host.
type paths struct {
	lastFailure atomic.Int64 // Unix nanoseconds: while nothing fails, no call takes the lock

	mu   sync.Mutex
	ok   recent
	bad  recent
	from time.Time // when bad.path began to fail without a success between
}

// recent is the last path that something happened to, and the last other one.
type recent struct {
	path, other     string
	pathAt, otherAt time.Time
}

func (r *recent) note(path string, now time.Time) {
	if r.path != path {
		r.other, r.otherAt = r.path, r.pathAt
		r.path = path
	}
	r.pathAt = now
}

func (p *paths) worked(path string, now time.Time) {
	if now.UnixNano()-p.lastFailure.Load() >= int64(failureWindow) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ok.note(path, now)
	if p.bad.path == path {
		p.from = time.Time{}
	}
}

func (p *paths) failed(path string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.from.IsZero() || p.bad.path != path || now.Sub(p.bad.pathAt) >= failureWindow {
		p.from = now
	}
	p.bad.note(path, now)
	p.lastFailure.Store(now.UnixNano())
}

// oneIsSick reports whether all failures of late are of one path, while another
// path works.
func (p *paths) oneIsSick(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	sick := p.bad.path
	if sick == notOfAPath || !p.bad.otherAt.IsZero() && now.Sub(p.bad.otherAt) < failureWindow {
		return false
	}
	since := func(t time.Time) bool { return !t.IsZero() && !t.Before(p.from) && now.Sub(t) < failureWindow }
	return p.ok.path != sick && since(p.ok.pathAt) || p.ok.other != sick && since(p.ok.otherAt)
}
