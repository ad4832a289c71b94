package token

import "time"

// Cause says why a renewal was made.
type Cause string

// The causes of a renewal.
const (
	CauseStart     Cause = "start"    // nothing was held: the process, or the account, is new
	CauseSchedule  Cause = "schedule" // its renewal time had come
	CauseDemand    Cause = "demand"   // a call needed one and none was alive
	CauseRejection Cause = "refusal"  // WeChat refused the one in use; asked in normal mode
	CauseForced    Cause = "forced"   // the same, by a forced renewal
	CauseOperator  Cause = "operator" // somebody asked for it
	CauseSettings  Cause = "settings" // the account's settings changed
)

// Result says how a renewal went.
type Result string

// The results of a renewal.
const (
	ResultRenewed   Result = "renewed"   // WeChat gave a new value
	ResultSame      Result = "same"      // WeChat gave the value that was held already
	ResultAdopted   Result = "adopted"   // another replica had renewed: taken from the store
	ResultFailed    Result = "failed"    // trouble: retried with backoff
	ResultDenied    Result = "denied"    // WeChat said no: retried slowly
	ResultDiscarded Result = "discarded" // came too late: a newer one is held
)

// EventType tells the events of a Manager apart.
type EventType string

// The events.
const (
	EventRenewal   EventType = "renewal" // Cause, Result, Took, Left, Err
	EventRejection EventType = "refusal" // a call's token was refused: Errcode, Step
	EventCooldown  EventType = "quiet"   // refusals start no renewal for Took
	EventRogue     EventType = "rogue"   // somebody else fetches this account's token
	EventStore     EventType = "store"   // the store failed (Err): Step "down" and "up" where that is new; "damaged": a record of its cannot be read
	EventBudget    EventType = "budget"  // a forced renewal was wanted, and none is left
)

// Event is something an operator wants to know. It holds no secret.
type Event struct {
	Type    EventType
	Key     Key
	At      time.Time
	Cause   Cause
	Result  Result
	Took    time.Duration
	Left    time.Duration // what is left of the credential held afterwards
	Errcode int
	Step    string // what the ladder decided: "newer", "asked", "wait", "forced", "passed on"
	Err     error
}
