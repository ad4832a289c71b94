package stats

import (
	"errors"
	"slices"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// How many events are kept: notable ones, and renewals that simply worked,
// which would push the others out where there are many accounts.
const (
	maxNotable = 70
	maxRoutine = 30
)

// events keeps the last events.
type events struct {
	notable, routine *recent[Event]
}

func newEvents() events { return events{newRecent[Event](maxNotable), newRecent[Event](maxRoutine)} }

// Event is something that happened.
type Event struct {
	At time.Time `json:"at"`
	// Type is renewal, refusal, quiet, rogue, store, budget, breaker or reload.
	// refusal: WeChat rejected a credential; quiet: rejections start no renewal
	// for a while.
	Type string `json:"type"`
	// Level is info, good, warning or bad.
	Level   string     `json:"level"`
	Account string     `json:"account,omitempty"`
	Kind    token.Kind `json:"kind,omitempty"`
	// Cause and Result are a renewal's: start, schedule, demand, refusal, forced,
	// operator, settings; renewed, same, adopted, failed, denied, discarded.
	Cause  token.Cause  `json:"cause,omitempty"`
	Result token.Result `json:"result,omitempty"`
	// Step is what was decided about a rejected token: newer, asked, wait, forced
	// or passed on; or the store's: down, up or damaged.
	Step    string `json:"step,omitempty"`
	Errcode int    `json:"errcode,omitempty"`
	Name    string `json:"name,omitempty"`
	// TookMS is how long a renewal took, or how long the quiet lasts, in
	// milliseconds. SecondsLeft is what is left of the credential's life.
	TookMS      float64 `json:"took_ms,omitempty"`
	SecondsLeft int64   `json:"seconds_left,omitempty"`
	// Host, From and To are a breaker's.
	Host string `json:"host,omitempty"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Message is a reload's summary, Error what went wrong.
	Message string          `json:"message,omitempty"`
	Error   string          `json:"error,omitempty"`
	Advice  *errcode.Advice `json:"advice,omitempty"`
}

func (e events) add(event Event) {
	if event.Level == levelInfo && event.Type == string(token.EventRenewal) {
		e.routine.add(event)
		return
	}
	e.notable.add(event)
}

// list returns the events, newest first.
func (e events) list() []Event {
	out := append(e.notable.newestFirst(), e.routine.newestFirst()...)
	slices.SortStableFunc(out, func(a, b Event) int { return b.At.Compare(a.At) })
	return out
}

// The levels of events.
const (
	levelInfo    = "info"
	levelGood    = "good"
	levelWarning = "warning"
	levelBad     = "bad"
)

func tokenEvent(e token.Event, p errcode.Platform) Event {
	out := Event{
		At: e.At.UTC(), Type: string(e.Type), Level: tokenLevel(e), Account: e.Key.Account, Kind: e.Key.Kind,
		Cause: e.Cause, Result: e.Result, Step: Clip(e.Step, 40), Errcode: e.Errcode,
		TookMS: millis(e.Took), SecondsLeft: int64(e.Left / time.Second),
	}
	if answer, ok := errors.AsType[*errcode.Error](e.Err); ok {
		out.Errcode, out.Advice = answer.Code, AdviceFor(answer.Platform, answer.Endpoint, answer.Code, answer.Msg)
	}
	if out.Errcode != 0 {
		out.Name = errcode.Name(p, out.Errcode)
	}
	if e.Err != nil {
		out.Error = Clip(e.Err.Error(), 300)
	}
	return out
}

func tokenLevel(e token.Event) string {
	switch {
	case e.Type == token.EventStore && e.Step == "up":
		return levelGood
	case e.Type == token.EventRenewal && e.Result == token.ResultDenied:
		return levelBad
	case e.Type == token.EventRenewal && e.Result == token.ResultFailed, e.Type == token.EventRejection,
		e.Type == token.EventCooldown, e.Type == token.EventStore && e.Step == "damaged":
		return levelWarning
	case e.Type == token.EventRogue, e.Type == token.EventBudget, e.Type == token.EventStore:
		return levelBad
	case e.Cause == token.CauseForced, e.Cause == token.CauseOperator, e.Cause == token.CauseRejection:
		return levelGood
	default:
		return levelInfo
	}
}

func breakerEvent(at time.Time, host, from, to string) Event {
	level := levelWarning
	switch to {
	case "closed":
		level = levelGood
	case "open":
		level = levelBad
	}
	return Event{At: at.UTC(), Type: "breaker", Level: level, Host: Clip(host, 100), From: Clip(from, 20), To: Clip(to, 20)}
}

func reloadEvent(at time.Time, summary string, err error) Event {
	out := Event{At: at.UTC(), Type: "reload", Level: levelGood, Message: Clip(summary, 300)}
	if err != nil {
		out.Level, out.Error = levelBad, Clip(err.Error(), 1000)
	}
	return out
}
