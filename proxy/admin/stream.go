package admin

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/http"
	"time"
)

// maxStreams bounds how many streams of events are open; further clients poll.
const maxStreams = 64

const (
	streamInterval     = time.Second
	streamHeartbeat    = 15 * time.Second
	streamWriteTimeout = 10 * time.Second
)

// serveEvents sends changes of the status as server-sent events: at most once a
// second an event "change", whose data is "now" and those members of
// /api/status that changed. The first one has them all. After 15 s without a
// change it sends an event "beat". It takes the parameters of /api/status. It
// ends with the request, or with an event "bye" when the process shuts down.
func (a *Admin) serveEvents(w http.ResponseWriter, r *http.Request) {
	select {
	case a.streams <- struct{}{}:
		defer func() { <-a.streams }()
	default:
		w.Header().Set("Retry-After", "30")
		writeProblem(w, http.StatusServiceUnavailable, problem{Message: "too many event streams"})
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	s := &stream{w: w, sent: map[string]uint64{}, seed: maphash.MakeSeed()}
	if r.Method == http.MethodHead {
		return
	}
	sel := selectionOf(r.URL.Query())
	tick := time.NewTicker(streamInterval)
	defer tick.Stop()
	for a.sendChanges(s, sel) {
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// sendChanges sends what changed, and reports whether the stream goes on.
func (a *Admin) sendChanges(s *stream, sel selection) bool {
	if a.opts.Draining() && len(s.sent) > 0 {
		_ = s.send("event: bye\ndata: {}\n\n") // a courtesy: the stream ends anyway
		return false
	}
	changed, err := s.changes(a.status(sel))
	if err != nil {
		a.opts.Logger.Error("encode status", "err", err)
		return false
	}
	switch {
	case changed != nil:
		return s.send(fmt.Sprintf("event: change\ndata: %s\n\n", changed)) == nil
	case time.Since(s.last) >= streamHeartbeat:
		return s.send("event: beat\ndata: {}\n\n") == nil
	default:
		return true
	}
}

// stream is one client of /api/events.
type stream struct {
	w    http.ResponseWriter
	seed maphash.Seed
	sent map[string]uint64 // member of status → hash of what was sent
	last time.Time         // when something was sent
}

// changes returns the JSON of what was not sent yet, nil if that is nothing.
func (s *stream) changes(current status) ([]byte, error) {
	whole, err := json.Marshal(current)
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
		sum := maphash.Bytes(s.seed, part)
		if old, ok := s.sent[name]; ok && old == sum {
			delete(parts, name)
		}
		s.sent[name] = sum
	}
	if len(parts) == 0 {
		return nil, nil
	}
	parts["now"] = now
	return json.Marshal(parts)
}

func (s *stream) send(text string) error {
	restartDeadline(s.w, streamWriteTimeout)
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	s.last = time.Now()
	return http.NewResponseController(s.w).Flush()
}
