package wechat

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Call is one request to WeChat, as a value. The credential is already in it:
// what Send sends is exactly this.
type Call struct {
	Method string
	// Path begins with a slash and is escaped; it goes on the wire byte for byte.
	Path string
	// Query is the raw query, without "?"; it goes on the wire byte for byte.
	Query string
	// Header is sent as it is and not changed. It may be nil.
	Header http.Header
	// Body is nil where there is none.
	Body Body
	// Repeat says when another host may have the call.
	Repeat Repeat
	// Stranger marks a call by somebody who showed no key although the proxy has
	// keys. What becomes of it says nothing about a host's health, and it is
	// never used to probe one.
	Stranger bool
	// Moved says that the call was repeated once already because an access point
	// was retired; it is not repeated for that again.
	Moved bool
	// Timeout is how long WeChat may take from the end of the request to the
	// header of the answer, over all attempts. If zero, that of the Hosts.
	Timeout time.Duration
	// Check, if not nil, judges an answer before Send returns it. An error means
	// that the host answered nonsense: its breaker is told, and another host is
	// asked where Repeat allows it. Check may read and replace the body.
	Check func(Answer) error
}

// Repeat says when a call that may have been executed is sent to another host.
// One that could not be sent at all goes to the next host in any case.
type Repeat int

// The values of Repeat.
const (
	RepeatSafe   Repeat = iota // GET and HEAD
	RepeatNever                // a login, whose code works once
	RepeatAlways               // asking twice does no harm: token endpoints
)

// Body is a request body. Its length is known, because WeChat's gateway answers
// chunked requests with 412 (observed).
type Body interface {
	// Size returns the length in bytes.
	Size() int64
	// Held reports whether all of it is in memory, and short: then it goes out in
	// one write with the header, as AppendTo gives it.
	Held() bool
	// AppendTo appends a held body to b.
	AppendTo(b []byte) []byte
	// Open returns the body from its first byte on.
	Open() io.ReadCloser
	// Repeatable reports whether Open may be called again after bytes were read.
	Repeatable() bool
	// Started reports whether any byte was read so far.
	Started() bool
	// Err returns why the body's own source failed, nil if it did not.
	Err() error
}

// held reports whether there is no body, or one that is held. An empty one counts
// as held: net/http would send it chunked.
func (c *Call) held() bool { return c.Body == nil || c.Body.Size() == 0 || c.Body.Held() }

// Bytes is a Body that is held in memory.
type Bytes []byte

// Size returns the length in bytes.
func (b Bytes) Size() int64 { return int64(len(b)) }

// Held returns true.
func (b Bytes) Held() bool { return true }

// AppendTo appends b to p.
func (b Bytes) AppendTo(p []byte) []byte { return append(p, b...) }

// Open returns a reader of b.
func (b Bytes) Open() io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

// Repeatable returns true.
func (b Bytes) Repeatable() bool { return true }

// Started returns true: nothing is lost by reading it again.
func (b Bytes) Started() bool { return true }

// Err returns nil.
func (b Bytes) Err() error { return nil }

// Answer is what became of a Call. The Response is nil where Send failed; the
// other fields are set in any case.
type Answer struct {
	*http.Response
	// Errcode, Msg and RID are those of a short JSON answer, where Found is true.
	errcode.Answer
	Found bool
	// Whole says that all of the body has arrived; else it streams.
	Whole bool
	// Host is the host that answered, "" where none did.
	Host string
	// Sends counts the requests that were sent, or tried to be.
	Sends int
	// Took is the time spent waiting for WeChat, from sending to the header of
	// the answer, all attempts together.
	Took time.Duration
	// Left is what is left of Call.Timeout.
	Left time.Duration
	// Before says what failed at other hosts before, in our own words; "" where
	// the first one that was tried decided.
	Before string
	// Moved says that the call was repeated because an access point was retired.
	Moved bool
}
