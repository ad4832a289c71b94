// Package access decides who calls and what they may do. Its decisions are
// pure: they do no I/O and read no clock, and a [Policy] never changes; a
// reload makes another one.
//
// Map: policy.go the whole of the rules; identify.go whose key it is; client.go
// one client; verdict.go may it call this path; pattern.go the rules
// themselves; placeholder.go what a client holds where its SDK insists on an
// access_token; guard.go pages that make a browser call.
package access
