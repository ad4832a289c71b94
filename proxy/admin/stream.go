package admin

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/http"
	"time"
)

// mostListeners bounds who may listen at the same time; others are told to
// come back, and poll meanwhile.
const mostListeners = 64

const (
	streamEvery = time.Second
	streamBeat  = 15 * time.Second
	// streamPatience is how long one write to a listener may take.
	streamPatience = 10 * time.Second
)

// serveEvents sends, as server-sent events, what changed: at most once a second
// an event "change" whose data is a part of what /api/status says, "now" and
// the members that are not what they were. The first one has them all. An event
// "beat" every 15 s of silence says that the line is good. It takes the
// parameters of /api/status. It ends with the request, or with an event
// "bye" when the process is on its way out.
func (a *Admin) serveEvents(w http.ResponseWriter, r *http.Request) {
	select {
	case a.listeners <- struct{}{}:
		defer func() { <-a.listeners }()
	default:
		w.Header().Set("Retry-After", "30")
		writeProblem(w, http.StatusServiceUnavailable, problem{Message: "too many listen already"})
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	l := &listener{rc: http.NewResponseController(w), w: w, sent: map[string]uint64{}, seed: maphash.MakeSeed()}
	if r.Method == http.MethodHead {
		return
	}
	q := queryOf(r.URL.Query())
	tick := time.NewTicker(streamEvery)
	defer tick.Stop()
	for a.tell(l, q) {
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// tell sends what changed, and says whether to go on.
func (a *Admin) tell(l *listener, q query) bool {
	if a.opts.Draining() && len(l.sent) > 0 {
		_ = l.send("event: bye\ndata: {}\n\n") // if it cannot be told it will find out
		return false
	}
	changed, err := l.changes(a.status(q))
	if err != nil {
		a.opts.Logger.Error("status cannot be encoded", "err", err)
		return false
	}
	switch {
	case changed != nil:
		return l.send(fmt.Sprintf("event: change\ndata: %s\n\n", changed)) == nil
	case time.Since(l.last) >= streamBeat:
		return l.send("event: beat\ndata: {}\n\n") == nil
	default:
		return true
	}
}

// listener is somebody who listens to /api/events.
type listener struct {
	w    http.ResponseWriter
	rc   *http.ResponseController
	seed maphash.Seed
	sent map[string]uint64 // :: member of status → hash of what was sent
	last time.Time
}

// changes returns the JSON of what this listener does not know yet, nil where
// that is nothing.
func (l *listener) changes(s status) ([]byte, error) {
	whole, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(whole, &parts); err != nil {
		return nil, err
	}
	now := parts["now"]
	delete(parts, "now")
	for name, part := range parts {
		sum := maphash.Bytes(l.seed, part)
		if old, ok := l.sent[name]; ok && old == sum {
			delete(parts, name)
		}
		l.sent[name] = sum
	}
	if len(parts) == 0 {
		return nil, nil
	}
	parts["now"] = now
	return json.Marshal(parts)
}

func (l *listener) send(text string) error {
	// Not every writer has deadlines; one that has none must do without.
	_ = l.rc.SetWriteDeadline(time.Now().Add(streamPatience))
	if _, err := l.w.Write([]byte(text)); err != nil {
		return err
	}
	l.last = time.Now()
	return l.rc.Flush()
}
