// Package token keeps WeChat credentials alive and fetches no more often than
// WeChat forces it to.
//
// A credential starts empty. The first caller that needs it starts a fetch, and
// everybody who comes meanwhile waits for that one answer. Then it is fresh.
// When its renewal is due it is stale: callers still get it at once, while a
// successor is fetched in the background. If none can be fetched it expires,
// and callers wait again. An expired credential is never given out.
//
//	empty ──▶ fresh ──▶ stale ──▶ expired
//	            ▲         │          │
//	            └─────────┴──────────┘ successor
//
// WeChat may revoke a credential early. A caller that sees WeChat reject it
// reports that through [Use.Rejected]. If another value is held by now, the call
// is repeated with that; else steps of ever higher cost follow, each within a
// budget.
//
// Map, in reading order:
//
//	doc.go         this page
//	credential.go  Credential, its Kind and Key
//	status.go      State, Status, and the errors callers check for
//	event.go       Event: what operators may want to know
//	source.go      Source: where credentials come from
//	store.go       Store: where they are kept outside the process
//	manager.go     Manager: all accounts; Set
//	keeper.go      Keeper: one credential; Get, Renew, Status
//	use.go         Use: one call's use of a credential
//	rejection.go   Use.Rejected: a rejection, from the report to the repeat
//	fetch.go       a fetch, from the request to the result
//	lock.go        one fetch at a time among all replicas
//	record.go      the credential's record in the store: load, adopt, save, watch
//	budget.go      how many renewals rejections may cost; somebody else who fetches too
//	cooldown.go    no renewals for a while after one that did not help
//	schedule.go    when to renew, and how long to wait after a failure
//	scheduler.go   the goroutine that wakes keepers when they are due
package token
