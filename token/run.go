package token

import (
	"time"
)

// run wakes keepers when they are due, until the Manager is closed.
func (m *Manager) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		k, wait := m.sched.take(time.Now())
		if k != nil {
			if !m.wake(k) {
				return
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-m.ctx.Done():
			return
		case <-m.sched.bell:
		case <-timer.C:
		}
	}
}

// wake does what k is due for. It waits for a free slot, so that a thousand
// accounts that start together do not ask WeChat all at once.
func (m *Manager) wake(k *Keeper) bool {
	select {
	case <-m.ctx.Done():
		return false
	case m.slots <- struct{}{}:
	}
	m.flights.Go(func() {
		defer func() { <-m.slots }()
		k.writeBack()
		if f := k.schedule(); f != nil {
			<-f.done
		}
		m.plan(k)
	})
	return true
}

// schedule starts the renewal whose time has come; nil: it has not.
func (k *Keeper) schedule() *flight {
	now := time.Now()
	k.mu.Lock()
	h := k.now.Load()
	due := !k.gone && k.flight == nil && !now.Before(k.nextTry) && (h == nil || !now.Before(h.renewAt) || k.cause != "")
	k.mu.Unlock()
	if !due {
		return nil
	}
	f, _ := k.join(wish{cause: CauseSchedule}) // an error says it is not due after all
	return f
}

// writeBack brings to the store what it missed while it was down.
func (k *Keeper) writeBack() {
	k.mu.Lock()
	h := k.now.Load()
	want := k.unsaved && h != nil && !k.gone && !time.Now().Before(k.saveTry)
	k.mu.Unlock()
	if want && h.live(time.Now().UnixNano()) {
		k.save(k.m.ctx, h.Credential)
	}
}

func (k *Keeper) toSave() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.unsaved
}

// plan puts k where the scheduler finds it next.
func (m *Manager) plan(k *Keeper) {
	k.mu.Lock()
	due := k.dueLocked()
	m.sched.set(k, due)
	k.mu.Unlock()
}

// dueLocked is when k has something to do; zero: not before somebody asks.
func (k *Keeper) dueLocked() time.Time {
	h := k.now.Load()
	now := time.Now()
	var due time.Time
	switch {
	case k.gone || k.flight != nil, h == nil && !k.eager:
		return time.Time{}
	case h == nil || k.cause != "":
		due = now
	default:
		due = h.renewAt
	}
	if k.failures > 0 {
		due = later(due, k.nextTry)
	}
	if k.unsaved && h.live(now.UnixNano()) && k.saveTry.Before(due) {
		due = k.saveTry
	}
	return due
}

// watch follows what other replicas write.
func (m *Manager) watch() {
	for m.ctx.Err() == nil {
		err := m.opts.Store.Watch(m.ctx, m.changed)
		if err == nil || !sleep(m.ctx, saveAgain) {
			return
		}
	}
}

// changed reads the records that another process has written: name, or all.
func (m *Manager) changed(name string) {
	m.mu.RLock()
	var news []*Keeper
	if k := m.byRecord[name]; k != nil {
		news = append(news, k)
	}
	if name == "" {
		for _, k := range m.byRecord {
			news = append(news, k)
		}
	}
	m.mu.RUnlock()
	if len(news) == 0 || m.ctx.Err() != nil {
		return
	}
	m.flights.Go(func() {
		for _, k := range news {
			before := k.now.Load()
			if k.load(m.ctx); k.now.Load() != before || k.toSave() {
				m.plan(k)
			}
		}
	})
}
