// Package token keeps credentials of WeChat's alive and fetches no more often
// than WeChat forces it to.
//
// A credential is born empty. The first caller to want it has it fetched, and
// everyone who arrives meanwhile waits for that one answer. Then it is fresh.
// When its renewal time has come it is stale: callers still get it at once,
// and a successor is fetched behind. If nobody could fetch one it expires, and
// callers wait again. A dead one is never given out.
//
//	empty ──▶ fresh ──▶ stale ──▶ expired
//	            ▲         │          │
//	            └─────────┴──────────┘ successor
//
// WeChat may revoke a credential early. Who sees its refusal reports it
// through [Use.Rejected], which decides by the value that was refused: if it is
// no longer the one held the news is old, else a ladder of ever costlier steps
// is climbed, each within a budget.
//
// Map: secret.go, credential.go the values; source.go, store.go the interfaces
// on both sides; schedule.go when to renew; refusal.go what a refusal means;
// budget.go what it may cost; keeper.go one credential; flight.go one fetch;
// manager.go all of them; event.go what is told to the outside.
package token
