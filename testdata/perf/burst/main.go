// Command burst measures what a proxy does with many calls at once. It calls
// over connections that it has opened and used before.
//
//	burst [flags] silence  a burst after a silence, in round trips to WeChat
//	burst [flags] dead     a burst on a dead token, next to one on a good token
//
// What is behind the proxy is testdata/perf/far.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("burst: ")
	proxy := flag.String("proxy", "", "host:port of the proxy")
	key := flag.String("key", "", "the client's key")
	calls := flag.Int("calls", 0, "calls at once; 0: 50 for silence, 1000 for dead")
	rounds := flag.Int("rounds", 0, "0: 2 for silence, 5 for dead")
	silence := flag.Duration("silence", time.Minute, "silence: how long nobody calls")
	rtt := flag.Duration("rtt", 30*time.Millisecond, "silence: far's round trip")
	far := flag.String("far", "", "dead: host:port of far")
	gate := flag.Duration("gate", 500*time.Millisecond, "dead: how long far takes to hand out the new token; all calls must have been rejected by then")
	flag.Parse()

	var err error
	switch flag.Arg(0) {
	case "silence":
		err = measureSilence(*proxy, *key, orElse(*calls, 50), orElse(*rounds, 2), *silence, *rtt)
	case "dead":
		err = measureDead(*proxy, *key, *far, orElse(*calls, 1000), orElse(*rounds, 5), *gate)
	default:
		fmt.Fprintln(os.Stderr, "usage: burst [flags] silence|dead")
		flag.PrintDefaults()
		os.Exit(2)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
