package token

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// Options are the settings of a [Manager]. The zero value is ready for use.
type Options struct {
	// Store keeps credentials outside the process. If nil, they live in memory
	// only.
	Store Store
	// OnEvent is called with each event, from many goroutines. It must not block.
	// If nil, events are dropped.
	OnEvent func(Event)
	// FetchTimeout bounds one fetch from WeChat. If zero, 10 s.
	FetchTimeout time.Duration
	// StoreTimeout bounds one operation of the store. If zero, 200 ms.
	StoreTimeout time.Duration
	// AtOnce is how many renewals the schedule starts at the same time; calls
	// that wait for a credential are not bounded by it. If zero, 32.
	AtOnce int
}

func (o Options) fetchTimeout() time.Duration { return cmp.Or(o.FetchTimeout, 10*time.Second) }
func (o Options) storeTimeout() time.Duration { return cmp.Or(o.StoreTimeout, 200*time.Millisecond) }

// lockTTL outlives a fetch; its owner extends it all the same.
func (o Options) lockTTL() time.Duration { return o.fetchTimeout() + 5*time.Second }

// lockWait is how long to wait for another replica's fetch.
func (o Options) lockWait() time.Duration { return o.fetchTimeout() + 2*time.Second }

// renewalTimeout bounds a fetch with all it needs of the store.
func (o Options) renewalTimeout() time.Duration {
	return o.lockWait() + o.fetchTimeout() + 10*o.storeTimeout()
}

// Account is one account's credentials as [Manager.Set] takes them.
type Account struct {
	Name string
	// ID is the appid, or corpid and agent. If it changes, the account is another
	// one, and the old one's credentials are forgotten.
	ID string
	// Credentials it can have. Only those marked Eager are fetched before they
	// are asked for.
	Credentials []Spec
}

// Spec says how to get one credential.
type Spec struct {
	Kind     Kind
	Source   Source
	Schedule Schedule
	// Eager credentials are fetched at the start; others when first asked for.
	// Both are then kept.
	Eager bool
	// Fingerprint stands for the settings behind Source. If a Set changes it, the
	// new Source is used at once; the held credential is given out until the new
	// Source has returned a successor.
	Fingerprint string
}

// budgeted reports whether renewals on rejection are counted: those of
// access_tokens that cost something.
func (s Spec) budgeted() bool { return s.Schedule.Exclusive || s.Schedule.Window > 0 }

// Manager keeps the credentials of all accounts alive. It runs one goroutine
// for all of them, and one for each fetch under way. Close ends it.
type Manager struct {
	opts  Options
	ctx   context.Context
	stop  context.CancelFunc
	work  sync.WaitGroup // every goroutine of the Manager
	sched *scheduler
	slots chan struct{} // of scheduled renewals under way

	mu       sync.RWMutex
	accounts map[string]*entry
	byRecord map[string]*Keeper // :: store record's name → keeper

	storeMu        sync.Mutex
	storeDown      bool
	storeWaitedOut bool // since it is down, it was waited for long enough
}

// entry is an account with its keepers.
type entry struct {
	account Account
	keepers map[Kind]*Keeper
}

// NewManager returns a Manager without accounts, running until Close.
func NewManager(o Options) *Manager {
	ctx, stop := context.WithCancel(context.Background())
	m := &Manager{
		opts: o, ctx: ctx, stop: stop, sched: newScheduler(),
		slots:    make(chan struct{}, max(1, cmp.Or(o.AtOnce, 32))),
		accounts: map[string]*entry{}, byRecord: map[string]*Keeper{},
	}
	m.work.Go(m.run)
	if o.Store != nil {
		m.work.Go(m.watch)
	}
	return m
}

// Close ends all fetches and waits until they have ended. Calls that wait for
// a credential get an [*Unavailable].
func (m *Manager) Close() {
	m.stop()
	m.work.Wait()
}

// Set replaces the accounts that are served: new ones are fetched, missing ones
// are forgotten (calls that wait for them get [ErrUnknown]), changed ones use their
// new source at once, and the credentials of the others are not touched.
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
		if k.setSpec(s) {
			changed = append(changed, k)
		}
	}
	return changed
}

// setSpec gives k its new settings and reports whether they differ.
func (k *Keeper) setSpec(s Spec) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.eager = s.Eager
	if k.spec.Fingerprint == s.Fingerprint {
		return false
	}
	k.spec = s
	k.failures, k.nextTry = 0, time.Time{}
	k.cooldown = cooldown{}
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
		k.current.Store(nil)
		k.mu.Unlock()
		delete(m.byRecord, name)
		gone = append(gone, k)
	}
	return gone
}

// Keeper returns the keeper of one credential, or nil if the account is
// unknown or has no such credential.
func (m *Manager) Keeper(account string, kind Kind) *Keeper {
	m.mu.RLock()
	e := m.accounts[account]
	if e == nil {
		m.mu.RUnlock()
		return nil
	}
	k := e.keepers[kind]
	m.mu.RUnlock()
	if k != nil {
		return k
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.accounts[account] != e {
		return nil
	}
	for _, s := range e.account.Credentials {
		if s.Kind == kind {
			return m.keeperLocked(e, s)
		}
	}
	return nil
}

func (m *Manager) keeperLocked(e *entry, s Spec) *Keeper {
	if k := e.keepers[s.Kind]; k != nil {
		return k
	}
	key := Key{Account: e.account.Name, Kind: s.Kind}
	k := &Keeper{m: m, key: key, name: RecordName(e.account.Name, e.account.ID, s.Kind), spec: s, eager: s.Eager, cause: CauseStart}
	e.keepers[s.Kind] = k
	m.byRecord[k.name] = k
	return k
}

// Statuses returns the status of every credential that was asked for so far, in
// no particular order.
func (m *Manager) Statuses() []Status {
	m.mu.RLock()
	keepers := make([]*Keeper, 0, len(m.byRecord))
	for _, k := range m.byRecord {
		keepers = append(keepers, k)
	}
	m.mu.RUnlock()
	out := make([]Status, len(keepers))
	for i, k := range keepers {
		out[i] = k.Status()
	}
	return out
}

// Status returns the status of one account's credentials, the token first; nil if
// there is no such account.
func (m *Manager) Status(account string) []Status {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e := m.accounts[account]
	if e == nil {
		return nil
	}
	var out []Status
	for _, kind := range Kinds() {
		if k := e.keepers[kind]; k != nil {
			out = append(out, k.Status())
		}
	}
	return out
}

func (m *Manager) emit(e Event) {
	if m.opts.OnEvent == nil {
		return
	}
	e.At = time.Now()
	m.opts.OnEvent(e)
}
