package admin

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
	mostNotable = 70
	mostRoutine = 30
)

// events keeps the last of what happened.
type events struct {
	notable, routine *ring[eventRow]
}

func newEvents() *events {
	return &events{newRing[eventRow](mostNotable), newRing[eventRow](mostRoutine)}
}

// eventRow is something that happened.
type eventRow struct {
	At time.Time `json:"at"`
	// Type is renewal, refusal, quiet, rogue, store, budget, breaker or reload.
	Type string `json:"type"`
	// Level is info, good, warning or bad.
	Level   string     `json:"level"`
	Account string     `json:"account,omitempty"`
	Kind    token.Kind `json:"kind,omitempty"`
	// Cause and Result are a renewal's: start, schedule, demand, refusal, forced,
	// operator, settings; renewed, same, adopted, failed, denied, discarded.
	Cause  token.Cause  `json:"cause,omitempty"`
	Result token.Result `json:"result,omitempty"`
	// Step is what was decided about a refused token: newer, asked, wait, forced
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
	Message string  `json:"message,omitempty"`
	Error   string  `json:"error,omitempty"`
	Advice  *advice `json:"advice,omitempty"`
}

func (e *events) add(row eventRow) {
	if row.Level == levelInfo && row.Type == string(token.EventRenewal) {
		e.routine.add(row)
		return
	}
	e.notable.add(row)
}

// rows returns the events, the last one first.
func (e *events) rows() []eventRow {
	out := append(e.notable.newestFirst(), e.routine.newestFirst()...)
	slices.SortStableFunc(out, func(a, b eventRow) int { return b.At.Compare(a.At) })
	return out
}

// The levels of events.
const (
	levelInfo    = "info"
	levelGood    = "good"
	levelWarning = "warning"
	levelBad     = "bad"
)

func tokenRow(e token.Event, p errcode.Platform) eventRow {
	row := eventRow{
		At: e.At.UTC(), Type: string(e.Type), Level: tokenLevel(e), Account: e.Key.Account, Kind: e.Key.Kind,
		Cause: e.Cause, Result: e.Result, Step: clip(e.Step, 40), Errcode: e.Errcode,
		TookMS: *millis(e.Took), SecondsLeft: int64(e.Left / time.Second),
	}
	if no := asNo(e.Err); no != nil {
		row.Errcode, row.Advice = no.Code, adviceFor(platform(no.Platform), no.Endpoint, no.Code, no.Msg)
	}
	if row.Errcode != 0 {
		row.Name = errcode.Name(p, row.Errcode)
	}
	if e.Err != nil {
		row.Error = clip(e.Err.Error(), 300)
	}
	return row
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

// asNo returns the answer of WeChat's that err holds, nil where it holds none.
func asNo(err error) *errcode.Error {
	if no, ok := errors.AsType[*errcode.Error](err); ok {
		return no
	}
	return nil
}

func breakerRow(at time.Time, host, from, to string) eventRow {
	level := levelWarning
	switch to {
	case "closed":
		level = levelGood
	case "open":
		level = levelBad
	}
	return eventRow{At: at.UTC(), Type: "breaker", Level: level, Host: clip(host, 100), From: clip(from, 20), To: clip(to, 20)}
}

func reloadRow(at time.Time, summary string, err error) eventRow {
	row := eventRow{At: at.UTC(), Type: "reload", Level: levelGood, Message: clip(summary, 300)}
	if err != nil {
		row.Level, row.Error = levelBad, clip(err.Error(), 1000)
	}
	return row
}
