package servetest

import (
	"bytes"
	"sync"
	"time"
)

// Output collects what a program writes. It is safe for concurrent use.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed when there is more
}

// NewOutput returns an empty Output.
func NewOutput() *Output { return &Output{more: make(chan struct{})} }

// Write implements [io.Writer].
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.more)
	o.more = make(chan struct{})
	return o.text.Write(p)
}

// String returns all that was written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Await waits until enough was written, ended is closed, or [Patience] is over.
// It reports whether enough was written.
func (o *Output) Await(ended <-chan struct{}, enough func(text string) bool) bool {
	limit := time.After(Patience)
	for {
		o.mu.Lock()
		text, more := o.text.String(), o.more
		o.mu.Unlock()
		if enough(text) {
			return true
		}
		select {
		case <-more:
		case <-ended:
			return enough(o.String())
		case <-limit:
			return false
		}
	}
}
