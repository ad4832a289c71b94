package token

import "time"

// Set makes accounts the ones that are served, whole: new ones are fetched,
// those that are gone are forgotten (calls that wait for them get
// [ErrUnknown]), changed ones use their new source at once, and the credentials
// of those that did not change are not touched.
func (m *Manager) Set(accounts []Account) {
	m.mu.Lock()
	next := make(map[string]*entry, len(accounts))
	var plan []*Keeper
	for _, a := range accounts {
		e := &entry{account: a, keepers: map[Kind]*Keeper{}}
		next[a.Name] = e
		if old := m.accounts[a.Name]; old != nil && old.account.ID == a.ID {
			plan = append(plan, m.takeOverLocked(old, e)...)
		}
		for _, s := range a.Credentials {
			if s.Eager && e.keepers[s.Kind] == nil {
				plan = append(plan, m.keeperLocked(e, s))
			}
		}
	}
	gone := m.forgetLocked(next)
	m.accounts = next
	m.mu.Unlock()
	for _, k := range append(gone, plan...) {
		m.plan(k)
	}
}

// takeOverLocked moves the keepers of an account that stays to its new entry.
// It returns those that have something to do now.
func (m *Manager) takeOverLocked(old, e *entry) (changed []*Keeper) {
	for _, s := range e.account.Credentials {
		k := old.keepers[s.Kind]
		if k == nil {
			continue
		}
		e.keepers[s.Kind] = k
		delete(old.keepers, s.Kind)
		if k.respec(s) {
			changed = append(changed, k)
		}
	}
	return changed
}

// respec gives k its new settings and reports whether they differ.
func (k *Keeper) respec(s Spec) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.eager = s.Eager
	if k.spec.Fingerprint == s.Fingerprint {
		return false
	}
	k.spec = s
	k.failures, k.nextTry = 0, time.Time{}
	k.quiet = quiet{}
	k.cause = CauseSettings
	return true
}

// forgetLocked ends the keepers that are in no entry of next.
func (m *Manager) forgetLocked(next map[string]*entry) (gone []*Keeper) {
	for name, k := range m.byRecord {
		if e := next[k.key.Account]; e != nil && e.keepers[k.key.Kind] == k {
			continue
		}
		k.mu.Lock()
		k.gone = true
		k.now.Store(nil)
		k.mu.Unlock()
		delete(m.byRecord, name)
		gone = append(gone, k)
	}
	return gone
}
