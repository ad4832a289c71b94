package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// storeRetry is how long to wait before a store that failed is tried again.
const storeRetry = 2 * time.Second

// storedCredential is a credential as a store keeps it.
type storedCredential struct {
	Value       string    `json:"value"`
	FetchedAt   time.Time `json:"fetched_at"`
	FirstSeenAt time.Time `json:"first_seen_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	ExpiresIn   int64     `json:"expires_in"` // seconds
}

// RecordName is the name under which a store keeps an account's credential.
func RecordName(account, id string, kind Kind) string {
	return account + "/" + id + "/" + string(kind)
}

// EncodeRecord returns c as a [Manager] reads it from its store. A credential
// that came from elsewhere can so be saved under its [RecordName].
func EncodeRecord(c Credential) Record {
	data, _ := json.Marshal(storedCredential{ // strings and times: cannot fail
		Value: c.Value.Reveal(), FetchedAt: c.FetchedAt, FirstSeenAt: c.FirstSeenAt,
		ExpiresAt: c.ExpiresAt, ExpiresIn: int64(c.ExpiresIn / time.Second),
	})
	return Record{Gen: c.Gen, Data: data, ExpiresAt: c.ExpiresAt}
}

func decodeRecord(r Record) (Credential, error) {
	var s storedCredential
	if err := json.Unmarshal(r.Data, &s); err != nil {
		return Credential{}, fmt.Errorf("decode a stored credential: %w", err)
	}
	if fromTheFuture(r.Gen) {
		return Credential{}, errors.New("decode a stored credential: its generation lies in the future")
	}
	return Credential{
		Value: secret.New(s.Value), Gen: r.Gen, FetchedAt: s.FetchedAt, FirstSeenAt: s.FirstSeenAt,
		ExpiresAt: s.ExpiresAt, ExpiresIn: time.Duration(s.ExpiresIn) * time.Second,
	}, nil
}

// fromTheFuture reports a generation that no replica can have made yet.
func fromTheFuture(gen uint64) bool { return gen > uint64(time.Now().Add(24*time.Hour).UnixMicro()) }

// load reads the store and adopts what is newer there. It reports whether the
// store answered.
func (k *Keeper) load(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, k.m.opts.storeTimeout())
	defer cancel()
	rec, err := k.m.opts.Store.Load(ctx, k.name)
	if errors.Is(err, ErrNotFound) {
		k.m.noteStore(k.key, nil)
		k.markUnsaved()
		return true
	}
	k.m.noteStore(k.key, err)
	if err != nil {
		return false
	}
	c, err := decodeRecord(rec)
	if err != nil {
		k.m.emit(Event{Type: EventStore, Key: k.key, Step: "damaged", Err: err})
		k.discard(ctx)
		return true
	}
	k.adopt(c)
	return true
}

// adopt takes over a credential that another replica published, if it is newer
// than the held one, and alive.
func (k *Keeper) adopt(c Credential) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if cur := k.current.Load(); k.gone || !c.Live(time.Now()) || cur != nil && cur.Gen >= c.Gen {
		return false
	}
	k.holdLocked(c)
	k.unsaved = false
	if k.cause == CauseStart || k.cause == CauseRejection {
		k.cause = "" // nothing left to fetch
	}
	return true
}

// markUnsaved notes that the store does not have what is held: it was emptied.
func (k *Keeper) markUnsaved() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current.Load().live(time.Now().UnixNano()) && !k.unsaved {
		k.unsaved, k.saveAt = true, time.Now()
	}
}

// discard deletes a record that cannot be read, whatever generation it claims, so
// that a readable one can take its place.
func (k *Keeper) discard(ctx context.Context) {
	k.m.noteStore(k.key, k.m.opts.Store.Delete(ctx, k.name))
	k.markUnsaved()
}

// save writes c to the store. If the store has a newer one, that is adopted; if
// the store fails, c is written later.
func (k *Keeper) save(ctx context.Context, c Credential) {
	if k.m.opts.Store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, k.m.opts.storeTimeout())
	defer cancel()
	err := k.m.opts.Store.Save(ctx, k.name, EncodeRecord(c))
	stale := errors.Is(err, ErrStale)
	if !stale {
		k.m.noteStore(k.key, err)
	}
	k.mu.Lock()
	if cur := k.current.Load(); cur != nil && cur.Gen == c.Gen {
		k.unsaved = err != nil && !stale
		k.saveAt = time.Now().Add(storeRetry)
	}
	k.mu.Unlock()
	if stale && !k.loadNewer(ctx, c) {
		k.discard(ctx) // the newer record cannot be read
		err := k.m.opts.Store.Save(ctx, k.name, EncodeRecord(c))
		k.mu.Lock()
		k.unsaved = err != nil && !errors.Is(err, ErrStale)
		k.mu.Unlock()
	}
}

// loadNewer loads the record that the store says is newer than c, and reports
// whether it could be read, or the store did not answer.
func (k *Keeper) loadNewer(ctx context.Context, c Credential) bool {
	if !k.load(ctx) {
		return true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	cur := k.current.Load()
	return !k.unsaved || cur == nil || cur.Gen != c.Gen
}

// writeBack saves what the store missed while it failed.
func (k *Keeper) writeBack() {
	k.mu.Lock()
	cur := k.current.Load()
	due := k.unsaved && !k.gone && !time.Now().Before(k.saveAt)
	k.mu.Unlock()
	if due && cur.live(time.Now().UnixNano()) {
		k.save(k.m.ctx, cur.Credential)
	}
}

// watch follows what other replicas write.
func (m *Manager) watch() {
	for m.ctx.Err() == nil {
		err := m.opts.Store.Watch(m.ctx, m.changed)
		if err == nil || !sleep(m.ctx, storeRetry) {
			return
		}
	}
}

// changed loads the records that another process has written: name, or all. A store
// that does not answer is asked again: the change will not be reported twice.
func (m *Manager) changed(name string) {
	m.mu.RLock()
	var changed []*Keeper
	if k := m.byRecord[name]; k != nil {
		changed = append(changed, k)
	}
	if name == "" {
		for _, k := range m.byRecord {
			changed = append(changed, k)
		}
	}
	m.mu.RUnlock()
	if len(changed) == 0 || m.ctx.Err() != nil {
		return
	}
	m.work.Go(func() {
		changed = slices.DeleteFunc(changed, (*Keeper).loadChange)
		for len(changed) > 0 && sleep(m.ctx, storeRetry) {
			changed = slices.DeleteFunc(changed, func(k *Keeper) bool {
				k.reloading.Store(false)
				return k.loadChange()
			})
		}
	})
}

// loadChange loads what another process has written. It reports whether that is
// done: false if the store did not answer and nobody else tries again.
func (k *Keeper) loadChange() (done bool) {
	before := k.current.Load()
	answered := k.load(k.m.ctx)
	k.mu.Lock()
	gone, unsaved := k.gone, k.unsaved
	k.mu.Unlock()
	if k.current.Load() != before || unsaved {
		k.m.plan(k)
	}
	return answered || gone || !k.reloading.CompareAndSwap(false, true)
}

// noteStore notes whether the store works, and tells when that changes.
func (m *Manager) noteStore(key Key, err error) {
	if err != nil && errors.Is(err, context.Canceled) && m.ctx.Err() != nil {
		return
	}
	m.storeMu.Lock()
	changed := m.storeDown != (err != nil)
	m.storeDown = err != nil
	m.storeWaitedOut = m.storeWaitedOut && m.storeDown
	m.storeMu.Unlock()
	switch {
	case err != nil && changed:
		m.emit(Event{Type: EventStore, Key: key, Step: "down", Err: err})
	case err != nil:
		m.emit(Event{Type: EventStore, Key: key, Err: err})
	case changed:
		m.emit(Event{Type: EventStore, Key: key, Step: "up"})
	}
}

// storeGivenUp reports whether to stop waiting for a failing store, for which the
// caller has waited since began.
func (m *Manager) storeGivenUp(began time.Time) bool {
	m.storeMu.Lock()
	defer m.storeMu.Unlock()
	m.storeWaitedOut = m.storeWaitedOut || time.Since(began) >= storeOutageWait
	return m.storeWaitedOut
}
