package token

import "time"

// The waits after a failed fetch. Trouble passes quickly; WeChat's "no" takes
// a person to change it.
const (
	troubleFirst = time.Second
	troubleMost  = time.Minute
	deniedFirst  = 30 * time.Second
	deniedMost   = 10 * time.Minute
)

// backoff returns how long to wait after the n-th failure in a row (n ≥ 1).
// jitter in [0, 1) takes away up to a fifth where WeChat is merely in trouble,
// so that replicas do not come back in step.
func backoff(n int, denied bool, jitter float64) time.Duration {
	if denied {
		return doubled(deniedFirst, deniedMost, n)
	}
	d := doubled(troubleFirst, troubleMost, n)
	if n > 1 {
		d -= time.Duration(jitter * float64(d) / 5)
	}
	return d
}

func doubled(first, most time.Duration, n int) time.Duration {
	d := first
	for range n - 1 {
		if d *= 2; d >= most {
			return most
		}
	}
	return d
}
