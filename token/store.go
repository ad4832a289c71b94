package token

import (
	"context"
	"errors"
	"time"
)

// Store keeps records outside the process, so that a restart costs no fetch
// and replicas share credentials. The Manager serves from its own memory first: a
// Store that is down, slow or damaged costs a warning, never a call.
// Implementations live in token/store and pass its conformance test.
// All methods are safe for concurrent use and obey their context's deadline.
type Store interface {
	// Load returns the record under name. ErrNotFound: there is none. A damaged
	// record, or one of another program, counts as none; the store warns about it.
	Load(ctx context.Context, name string) (Record, error)
	// Save keeps rec if its Gen is greater than that of the record held under
	// name, else returns ErrStale and keeps what it has. The comparison and the
	// write are one step, among all processes that use the store.
	Save(ctx context.Context, name string, rec Record) error
	// Delete forgets the record. Deleting nothing is no error.
	Delete(ctx context.Context, name string) error
	// TryLock takes the lock called name for ttl without waiting. ErrLocked:
	// somebody else holds it. Any other error: the store does not work, and the
	// caller goes on without a lock.
	TryLock(ctx context.Context, name string, ttl time.Duration) (Lock, error)
	// Watch calls changed with the name of a record that another process has
	// written or deleted ("" = any may have changed), soon after it happened,
	// until ctx ends. A store without such notifications returns nil at once; its
	// users then see changes when they Load.
	Watch(ctx context.Context, changed func(name string)) error
	// Close releases what the store holds.
	Close() error
}

// Record is what a Store keeps under a name.
type Record struct {
	// Gen orders the records under one name; greater is newer.
	Gen uint64
	// Data is opaque to the store, and may be a credential in clear: a store that
	// others can read is wrapped in store.Sealed.
	Data []byte
	// ExpiresAt is when the record becomes worthless. The store may then forget
	// it. Zero: keep it.
	ExpiresAt time.Time
}

// Lock is a lock that is held. It has an owner: once somebody else holds the lock,
// Extend and Unlock do nothing to it.
type Lock interface {
	// Extend makes the lock last ttl from now. ErrLocked: it was lost.
	Extend(ctx context.Context, ttl time.Duration) error
	// Unlock releases the lock. If it was lost, nothing happens.
	Unlock(ctx context.Context) error
}

// Errors of a Store that callers check for.
var (
	ErrNotFound = errors.New("not found")
	ErrStale    = errors.New("a newer record is stored")
	ErrLocked   = errors.New("locked by somebody else")
)
