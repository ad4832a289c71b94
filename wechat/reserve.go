package wechat

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// reserveStart is how many connections are kept ready before anything is known
	// of bursts.
	reserveStart = 4
	// reserveMemory is for how many minutes a burst is remembered.
	reserveMemory = 10
	// reserveEvery is how often the reserve looks whether all is well.
	reserveEvery = 5 * time.Second
	// reserveAge is how long a connection may have been idle to count as ready: its
	// successor is there before it is closed.
	reserveAge = idleTimeout - 2*reserveEvery
	// reserveAtOnce bounds the handshakes that are under way at once.
	reserveAtOnce = 16
	// reserveRest is how long the reserve leaves a host alone at most that cannot be
	// connected to, or closes what is idle. It is below reserveAge, so that it sees
	// what has become of the connections that it made last.
	reserveRest = 40 * time.Second
)

// reserve keeps connections to one host ready, hands already shaken, so that no
// call waits for a handshake: as many as there were calls at once of late, and one
// when there were none for long. The first calls after a silence find them in the
// pool.
type reserve struct {
	pool *pool
	most atomic.Int64 // 0: none are kept ready

	busy  atomic.Int64 // calls under way
	peak  atomic.Int64 // the most of them in this minute
	ahead atomic.Int64 // connections made for the reserve so far

	start   sync.Once
	ctx     context.Context // ends with close
	stop    context.CancelFunc
	running sync.WaitGroup
	wake    chan struct{} // a connection was lost, or taken for a body that streams

	mu     sync.Mutex
	bursts bursts
}

func newReserve(p *pool) *reserve {
	r := &reserve{pool: p, wake: make(chan struct{}, 1)}
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.peak.Store(reserveStart)
	return r
}

// enter notes that a call begins.
func (r *reserve) enter() {
	n := r.busy.Add(1)
	for {
		old := r.peak.Load()
		if n <= old || r.peak.CompareAndSwap(old, n) {
			return
		}
	}
}

// leave notes that a call has ended. lost: it cost the connection.
func (r *reserve) leave(lost bool) {
	r.busy.Add(-1)
	if lost {
		r.lose()
	}
}

// lose has the reserve look at once whether a connection is to be replaced.
func (r *reserve) lose() {
	select {
	case r.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

// keep has at most most connections kept ready from now on.
func (r *reserve) keep(most int) {
	r.most.Store(int64(most))
	if most > 0 && r.ctx.Err() == nil {
		r.start.Do(func() { r.running.Go(r.run) })
		r.lose()
	}
}

// close ends the reserve. The connections are the pool's to close.
func (r *reserve) close() {
	r.stop()
	r.start.Do(func() {}) // it does not begin any more
	r.running.Wait()
}

// wanted returns how many connections are to be ready.
func (r *reserve) wanted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return min(max(1, r.bursts.most(int(r.peak.Load()))), int(r.most.Load()))
}

func (r *reserve) run() {
	rest := time.Duration(0)
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-tick.C:
		case <-r.wake:
			if rest > 0 {
				continue // the host did not want to, a moment ago
			}
		}
		if r.refill() {
			rest = 0
		} else {
			rest = min(max(2*rest, reserveEvery), reserveRest)
		}
		tick.Reset(max(rest, reserveEvery))
	}
}

// refill connects as often as connections are missing, and reports whether all is
// well: that worked, and the host leaves idle connections alone.
func (r *reserve) refill() bool {
	now := time.Now()
	r.roll(now)
	g := r.pool.current(now)
	if wanted := r.wanted(); g.until.Sub(now) < 2*reserveEvery+time.Duration(wanted/reserveAtOnce)*time.Second {
		// It is about to be replaced: its successor begins with what is needed.
		next := r.pool.newGeneration()
		r.pool.next.Store(next) // a call that finds g too old takes it as far as it has come
		ok := r.connect(next, wanted)
		switch {
		case !r.pool.next.CompareAndSwap(next, nil): // it is in its place
		case ok:
			r.pool.swap(g, next)
		default:
			next.close() // what there is does for some seconds more
		}
		return ok
	}
	missing := r.wanted() - int(r.busy.Load())
	ready, died := g.lean.ready(now, missing)
	return r.connect(g, missing-ready) && died == 0
}

// roll begins another minute, if it is time for one.
func (r *reserve) roll(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bursts.roll(now, int(r.peak.Load())) {
		r.peak.Store(r.busy.Load())
	}
}

// connect makes n connections and puts them into g, and reports whether all of
// them could be made.
func (r *reserve) connect(g *generation, n int) bool {
	var (
		all    sync.WaitGroup
		failed atomic.Bool
		places = make(chan struct{}, reserveAtOnce)
	)
	for range n {
		select {
		case places <- struct{}{}:
		case <-r.ctx.Done():
		}
		if failed.Load() || r.ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-places }()
			ctx, cancel := context.WithTimeout(r.ctx, dialTimeout(r.pool.timeout))
			defer cancel()
			c, err := r.pool.dialer.dialLean(ctx)
			switch {
			case err != nil:
				failed.Store(true)
			case !c.settle(time.Now().Add(settleTime)):
				failed.Store(true)
				_ = c.Close() // the host wants no connection that is not used
			default:
				r.ahead.Add(1)
				g.lean.put(c)
			}
		})
	}
	all.Wait()
	return !failed.Load()
}

// bursts remembers how many calls there were at once, minute by minute.
type bursts struct {
	since  time.Time // when the present minute began; zero: nothing is known
	before [reserveMemory - 1]int
}

// roll moves on if the present minute, with its peak, is over.
func (b *bursts) roll(now time.Time, peak int) bool {
	if b.since.IsZero() {
		b.since = now
	}
	passed := int(now.Sub(b.since) / time.Minute)
	if passed <= 0 {
		return false
	}
	for range min(passed, len(b.before)) {
		copy(b.before[1:], b.before[:])
		b.before[0], peak = peak, 0
	}
	b.since = now
	return true
}

// most returns the largest peak of late.
func (b *bursts) most(peak int) int {
	for _, n := range b.before {
		peak = max(peak, n)
	}
	return peak
}
