package wechat

import (
	"net/http"
	"time"
)

// ClockAhead returns by how much WeChat's clock is ahead of ours (negative: behind),
// give or take a second, as the Date header of an answer says. sent and got are
// when the request was sent and its answer had come, by our clock; false: there is
// no such date.
func ClockAhead(date string, sent, got time.Time) (time.Duration, bool) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return 0, false
	}
	middle := sent.Add(got.Sub(sent) / 2)
	return theirs.Add(500 * time.Millisecond).Sub(middle), true // a Date is cut to whole seconds
}
