// Package store keeps credentials outside the process: in a directory or in Redis.
// Both pass one conformance test. [Sealed] encrypts the records of either, and
// [Import] finds the credentials that an SDK keeps in Redis.
//
// Times are kept to the microsecond. An expired record is not found.
//
// Map:
//
//	store.go        this page; what all stores share
//	open.go         Open: the store of the settings
//	file.go         File: a directory, one file a record
//	filelock.go     its locks, and its protection against links
//	filewatch.go    its Watch
//	redis.go        Redis: connect, load, save, delete
//	redisurl.go     the URL, and errors without its password
//	redisrecord.go  names of keys, and the format of a record
//	redislock.go    its locks
//	rediswatch.go   its Watch
//	sealed.go       Sealed: encryption around a store
//	import.go       Import: credentials that SDKs keep in Redis
package store

import (
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// Warn is called with problems that a store works around: a damaged record, a
// directory that others can read. It must not block. If nil, there are no warnings.
type Warn func(msg string, err error)

func (w Warn) emit(msg string, err error) {
	if w != nil {
		w(msg, err)
	}
}

// expired reports whether r has expired at now.
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
