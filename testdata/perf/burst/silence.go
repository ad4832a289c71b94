package main

import (
	"fmt"
	"time"
)

// measureSilence tells whether the calls after a silence are as fast as any: a
// call takes one round trip at least, and two more where the proxy must open a
// TLS connection for it.
func measureSilence(proxy, key string, calls, rounds int, silence, rtt time.Duration) error {
	clients, err := dial(proxy, key, calls)
	if err != nil {
		return err
	}
	if _, err := burst(clients); err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	for round := range rounds {
		time.Sleep(silence)
		got, err := burst(clients)
		if err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
		trips := func(percent int) float64 { return float64(got.percentile(percent)) / float64(rtt) }
		fmt.Printf("silence round %d: p50 %.2f p99 %.2f max %.2f round trips, %d calls after %v, %v away\n",
			round+1, trips(50), trips(99), trips(100), calls, silence, rtt)
	}
	return nil
}
