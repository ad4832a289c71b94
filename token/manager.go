package token

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Options are the settings of a [Manager]. The zero value is ready for use.
type Options struct {
	// Store is the second memory. If nil, there is none.
	Store Store
	// OnEvent is told what happens. It is called from many goroutines and must
	// not block. If nil, nobody is told.
	OnEvent func(Event)
	// FetchTimeout bounds one fetch from WeChat. If zero, 10 s.
	FetchTimeout time.Duration
	// StoreTimeout bounds one operation of the store. If zero, 200 ms.
	StoreTimeout time.Duration
	// AtOnce is how many renewals the schedule starts at the same time; calls
	// that wait for a credential are not bounded by it. If zero, 32.
	AtOnce int
}

func (o Options) fetchTimeout() time.Duration { return orDefault(o.FetchTimeout, 10*time.Second) }
func (o Options) storeTimeout() time.Duration { return orDefault(o.StoreTimeout, 200*time.Millisecond) }

// lockTTL outlives a fetch; its owner extends it all the same.
func (o Options) lockTTL() time.Duration { return o.fetchTimeout() + 5*time.Second }

// lockWait is how long another replica's fetch is waited for.
func (o Options) lockWait() time.Duration { return o.fetchTimeout() + 2*time.Second }

func (o Options) flightTimeout() time.Duration {
	return o.lockWait() + o.fetchTimeout() + 10*o.storeTimeout()
}

func orDefault(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}

// Account is one account's credentials as [Manager.Set] takes them.
type Account struct {
	Name string
	// ID is the appid, or corpid and agent: with another ID the account is
	// another one, and what was held for the old is forgotten.
	ID string
	// Credentials it can have. Only those marked Eager are fetched before they
	// are asked for.
	Credentials []Spec
}

// Spec says how one credential is had.
type Spec struct {
	Kind     Kind
	Source   Source
	Schedule Schedule
	// Eager credentials are fetched at the start; others when first asked for.
	// Both are then kept.
	Eager bool
	// Fingerprint stands for the settings behind Source. A Set with another one
	// uses the new Source at once; what is held is given out until it has
	// brought a successor.
	Fingerprint string
}

// budgeted reports whether renewals on refusal are counted: those of
// access_tokens that cost something.
func (s Spec) budgeted() bool { return s.Schedule.Exclusive || s.Schedule.Window > 0 }

// Manager keeps the credentials of all accounts alive. It runs one goroutine
// for all of them, and one for each fetch under way. Close ends it.
type Manager struct {
	opts    Options
	ctx     context.Context
	stop    context.CancelFunc
	flights sync.WaitGroup
	sched   *scheduler
	slots   chan struct{} // of scheduled renewals under way

	mu       sync.RWMutex
	accounts map[string]*entry
	byRecord map[string]*Keeper // :: store record's name → keeper

	storeMu   sync.Mutex
	storeDown bool
	storeGone bool // it was waited for in vain
}

// entry is an account with the keepers that were made for it.
type entry struct {
	account Account
	keepers map[Kind]*Keeper
}

// NewManager returns a Manager without accounts, at work until Close.
func NewManager(o Options) *Manager {
	ctx, stop := context.WithCancel(context.Background())
	m := &Manager{
		opts: o, ctx: ctx, stop: stop, sched: newScheduler(),
		slots:    make(chan struct{}, max(1, cmpOr(o.AtOnce, 32))),
		accounts: map[string]*entry{}, byRecord: map[string]*Keeper{},
	}
	m.flights.Go(m.run)
	if o.Store != nil {
		m.flights.Go(m.watch)
	}
	return m
}

func cmpOr(n, def int) int {
	if n > 0 {
		return n
	}
	return def
}

// Close ends all fetches and waits until they have ended. Calls that wait for
// a credential get an [*Unavailable].
func (m *Manager) Close() {
	m.stop()
	m.flights.Wait()
}

// Keeper returns the keeper of one credential, or nil where the account is
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

// RecordName is the name under which a store keeps an account's credential.
func RecordName(account, id string, kind Kind) string {
	return account + "/" + id + "/" + string(kind)
}

// Statuses returns the status of every credential that was asked for so far,
// by account and kind in no particular order.
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

// Status returns what is known of one account's credentials, the token first.
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

func (m *Manager) tell(e Event) {
	if m.opts.OnEvent == nil {
		return
	}
	e.At = time.Now()
	m.opts.OnEvent(e)
}

// storeSaid notes how the store is, and tells when that changes.
func (m *Manager) storeSaid(key Key, err error) {
	if err != nil && errors.Is(err, context.Canceled) && m.ctx.Err() != nil {
		return
	}
	m.storeMu.Lock()
	changed := m.storeDown != (err != nil)
	m.storeDown = err != nil
	m.storeGone = m.storeGone && m.storeDown
	m.storeMu.Unlock()
	switch {
	case err != nil && changed:
		m.tell(Event{Type: EventStore, Key: key, Step: "down", Err: err})
	case err != nil:
		m.tell(Event{Type: EventStore, Key: key, Err: err})
	case changed:
		m.tell(Event{Type: EventStore, Key: key, Step: "up"})
	}
}

// storeLost reports whether it is no use to wait any longer for the store, which
// somebody has waited for since then.
func (m *Manager) storeLost(since time.Time) bool {
	m.storeMu.Lock()
	defer m.storeMu.Unlock()
	m.storeGone = m.storeGone || time.Since(since) >= storeWait
	return m.storeGone
}
