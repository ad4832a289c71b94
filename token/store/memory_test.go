package store

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	m := NewMemory()
	conform(t, func(*testing.T) token.Store { return m })
}

func TestMemoryForgetsWhatHasExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		for i := range 100 {
			if err := m.Save(t.Context(), fmt.Sprint(i), record(1, "x")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		if len(m.records) > 1 {
			t.Errorf("%d records are held", len(m.records))
		}
	})
}
