// Package store has the places where credentials are kept outside the process:
// memory (for several Managers in one process, and for tests), a directory,
// and Redis. All of them pass one conformance test. [Sealed] puts encryption
// around any of them, and [Import] finds what an SDK has left in Redis.
//
// Times are kept to the microsecond. A record whose end has come is as good as
// forgotten everywhere.
package store

import (
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// Warn is told what a store goes on in spite of: a damaged record, a directory
// that others can read. It must not block. If nil, nobody is told.
type Warn func(msg string, err error)

func (w Warn) say(msg string, err error) {
	if w != nil {
		w(msg, err)
	}
}

// expired reports whether r is worth nothing any more.
func expired(r token.Record, now time.Time) bool {
	return !r.ExpiresAt.IsZero() && !now.Before(r.ExpiresAt)
}

// micros is a record's end in Unix microseconds, 0 for one that has none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n)
}
