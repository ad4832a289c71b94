package token

import (
	"testing"
	"testing/synctest"
	"time"
)

// A call was sent, then the clock was set back by an hour, then WeChat rejected the
// call: WeChat is asked once, not for an hour.
func TestAClockSetBackCostsOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		k := start(t, w, Options{})
		time.Sleep(time.Second)
		sent := time.Now().Add(time.Hour)
		f, err := k.await(t.Context(), request{cause: CauseRejection, replaces: k.current.Load().Value, sinceNS: sent.UnixNano()})
		if err != nil || f == nil || f.result != ResultSame {
			t.Errorf("%+v, %v", f, err)
		}
		if asked, _ := w.counts(); asked != 2 {
			t.Errorf("%d fetches, want the first and one for the rejection", asked)
		}
	})
}
