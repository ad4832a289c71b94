package token

import (
	"testing"
	"testing/synctest"
	"time"
)

// An operator's second forced renewal is out of budget. That puts no call into cooldown.
func TestAnOperatorsSecondRenewalStartsNoCooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		k := start(t, w, Options{})
		time.Sleep(time.Second)
		if _, err := k.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Renew(t.Context()); err == nil {
			t.Fatal("the second was made")
		}
		w.kill()
		if _, ok := call(t.Context(), k, w.accepts); !ok {
			t.Error("a dead token is not repaired")
		}
	})
}
