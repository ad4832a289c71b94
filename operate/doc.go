// Package operate has the commands beside serving: those that an operator runs
// to see whether the settings work, to ask a running proxy, or to bring tokens
// along. Each is a function of the environment and its arguments, and writes to
// stdout.
//
// An error is a [*UsageError] or a [config.Problems] if the command was called
// or configured wrongly, and [ErrReported] if stdout says already what failed.
//
// Map:
//
//	doc.go          this page
//	usage.go        help, flags, and errors in how a command was called
//	check.go        check: all checks in order
//	report.go       what check found, for people and as JSON
//	checkstore.go   is the store usable?
//	checkhost.go    can WeChat's hosts be reached, and do the clocks agree?
//	checktoken.go   does each account get a token?
//	advice.go       what to do about what was found, in English and Chinese
//	import.go       import: tokens that an SDK left in Redis
//	importreport.go what import found, for people and as JSON
//	running.go      a request to the running proxy's admin address
//	explain.go      explain: what WeChat knows of a failed call
//	healthcheck.go  healthcheck: is the running proxy ready?
package operate
