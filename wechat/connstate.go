package wechat

import (
	"context"
	"errors"
)

// connState is what is known of a connection when a call over it has failed.
type connState struct {
	connected bool
	timedOut  bool // our own deadline passed
	failed    bool // the peer closed it, or reset it
	streams   bool // while a body was on its way, up or down
}

// failure says, in our own words, why a call to h failed. Of err it takes what is
// a Failure already, or says why there is no connection; nothing of its text.
func (s *sending) failure(h *host, err error, c connState) *Failure {
	f := &Failure{Kind: NotHTTP}
	known := (*Failure)(nil)
	switch {
	case errors.Is(s.ctx.Err(), context.DeadlineExceeded):
		f.Kind = Timeout
	case s.ctx.Err() != nil:
		f.Kind = Canceled
	case errors.As(err, &known):
		*f = *known
	case !c.connected && c.timedOut:
		f.Kind = ConnectTimeout
	case !c.connected:
		f = connectFailure(err)
	case c.timedOut && c.streams:
		f.Kind = Stalled
	case c.timedOut:
		f.Kind = Timeout
	case c.failed:
		f.Kind = Closed
	}
	f.Host = h.authority
	return f
}
