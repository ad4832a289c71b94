package token

import "time"

// Cause says why a credential was fetched.
type Cause string

// The causes of a fetch.
const (
	CauseStart     Cause = "start"    // the process, or the account, is new
	CauseSchedule  Cause = "schedule" // its renewal time had come
	CauseDemand    Cause = "demand"   // a call found no live one
	CauseRejection Cause = "refusal"  // WeChat rejected the one in use; asked in normal mode
	CauseForced    Cause = "forced"   // the same, but a forced renewal
	CauseOperator  Cause = "operator" // an operator asked for it
	CauseSettings  Cause = "settings" // the account's settings changed
)

// Result says how a fetch ended.
type Result string

// The results of a fetch.
const (
	ResultRenewed   Result = "renewed"   // WeChat gave a new value
	ResultSame      Result = "same"      // WeChat gave the held value again
	ResultAdopted   Result = "adopted"   // another replica had fetched it: taken from the store
	ResultFailed    Result = "failed"    // no usable answer: retried with backoff
	ResultDenied    Result = "denied"    // WeChat said no: retried slowly
	ResultDiscarded Result = "discarded" // too late: a newer one is held
)

// EventType says what an Event is about, and which of its fields are set.
type EventType string

// The events.
const (
	EventRenewal   EventType = "renewal" // Cause, Result, Took, Left, Err
	EventRejection EventType = "refusal" // WeChat rejected a call's token: Errcode, Step, Left
	EventCooldown  EventType = "quiet"   // for Took, rejections start no renewal
	EventRogue     EventType = "rogue"   // somebody else fetches this account's token
	EventStore     EventType = "store"   // the store failed (Err), or works again. Step: "down" for the first failure, "up", or "damaged" for a record that cannot be read
	EventBudget    EventType = "budget"  // a renewal was needed, but the budget is used up
)

// Event is something an operator may want to know. It holds no secret.
type Event struct {
	Type    EventType
	Key     Key
	At      time.Time
	Cause   Cause
	Result  Result
	Took    time.Duration
	Left    time.Duration // how long the credential held afterwards lives on
	Errcode int
	Step    string // of EventRejection: "newer", "asked", "waited", "tried", "forced", "passed on"
	Err     error
}
