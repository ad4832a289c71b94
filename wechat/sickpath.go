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
	// The last two paths that worked. Nearly every call finds its own here, with a
	// time that will do, and takes no lock.
	ok [2]atomic.Pointer[pathAt]

	mu  sync.Mutex
	bad [2]pathAt // the last path that failed, and the last other one
}

// pathAt is a path, and when something happened to it.
type pathAt struct {
	path string
	at   time.Time
}

func (p *pathAt) since(now time.Time, d time.Duration) bool {
	return p != nil && !p.at.IsZero() && now.Sub(p.at) < d
}

// worked notes a success, to the second.
func (p *paths) worked(path string, now time.Time) {
	for i := range p.ok {
		if old := p.ok[i].Load(); old != nil && old.path == path && old.since(now, time.Second) {
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	first, second := p.ok[0].Load(), p.ok[1].Load()
	slot := 0
	if first != nil && first.path != path && (second == nil || second.path == path || second.at.Before(first.at)) {
		slot = 1
	}
	p.ok[slot].Store(&pathAt{path, now})
}

func (p *paths) failed(path string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bad[0].path != path {
		p.bad[1] = p.bad[0]
	}
	p.bad[0] = pathAt{path, now}
}

// oneFails reports whether all failures of late are of one path, and of which.
func (p *paths) oneFails(now time.Time) (path string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	path = p.bad[0].path
	return path, path != notOfAPath && !p.bad[1].since(now, failureWindow)
}

// oneIsSick reports whether all failures of late are of one path, while others
// work.
func (p *paths) oneIsSick(now time.Time) bool {
	sick, ok := p.oneFails(now)
	for i := range p.ok {
		if well := p.ok[i].Load(); ok && well.since(now, failureWindow) && well.path != sick {
			return true
		}
	}
	return false
}
