package token

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// What somebody who tried to break the program has found.

// An operator who asks twice is refused the second time; no call pays for it.
func TestAnOperatorsSecondClickDisarmsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWechat(false)
		k := start(t, w, Options{})
		time.Sleep(time.Second)
		if _, err := k.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Renew(t.Context()); err == nil {
			t.Fatal("the second was granted")
		}
		w.kill()
		if _, ok := call(t.Context(), k, w.accepts); !ok {
			t.Error("a dead token is not repaired")
		}
	})
}

// A token was refused, and WeChat's "no" kept its successor away: it is asked
// for again though nobody calls.
func TestARefusedTokenIsReplacedWithoutCalls(t *testing.T) {
	for name, legacy := range map[string]bool{"stable": false, "legacy": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWechat(legacy)
				k := start(t, w, Options{})
				time.Sleep(time.Second)
				w.kill()
				w.fail(&errcode.Error{Platform: errcode.MP, Endpoint: errcode.Token, Code: 40243, Msg: "frozen"})
				if _, ok := call(t.Context(), k, w.accepts); ok {
					t.Fatal("a call succeeded")
				}
				if s := k.Status(); !s.Refused || s.LastErr == nil {
					t.Errorf("%+v", s)
				}
				w.fail(nil)
				time.Sleep(40 * time.Second)
				c, err := k.Get(t.Context())
				if err != nil || !w.accepts(c.Value.Reveal()) {
					t.Errorf("it was not replaced: %v", err)
				}
				if s := k.Status(); s.Refused || s.LastErr != nil {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// A store that was emptied gets back what is held.
func TestAnEmptiedStoreIsFilledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWechat(true), newShelf()
		k := replicas(t, w, s, 1)[0]
		time.Sleep(time.Second)
		s.mu.Lock()
		clear(s.records)
		watchers := s.watchers
		s.mu.Unlock()
		for _, changed := range watchers {
			changed("") // as after a reconnect
		}
		time.Sleep(5 * time.Second)
		other := start(t, w, Options{Store: s})
		c, err := other.Get(t.Context())
		if err != nil || c.Value != k.now.Load().Value {
			t.Errorf("the next replica did not find it: %v", err)
		}
		if asked, _ := w.counts(); asked != 1 {
			t.Errorf("%d fetches", asked)
		}
	})
}

// A record that cannot be read, or claims to be from the future, is told and
// replaced, whatever generation it claims.
func TestDamagedRecordsAreReplaced(t *testing.T) {
	good := encode(Credential{Value: secret.New("from-the-future"), Gen: 1 << 63, ExpiresAt: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)})
	for name, rec := range map[string]Record{
		"nonsense":        {Gen: 1, Data: []byte("nonsense")},
		"a high nonsense": {Gen: 1 << 63, Data: []byte("nonsense")},
		"the future":      good,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s, l := newWechat(true), newShelf(), &log{}
				s.records[RecordName("shop", accountOf(w, "1").ID, AccessToken)] = rec
				k := start(t, w, Options{Store: s, OnEvent: l.add})
				c, err := k.Get(t.Context())
				if err != nil || !w.accepts(c.Value.Reveal()) {
					t.Fatalf("%v", err)
				}
				time.Sleep(5 * time.Second)
				other := start(t, w, Options{Store: s})
				if d, err := other.Get(t.Context()); err != nil || d.Value != c.Value {
					t.Errorf("the next one did not find it: %v", err)
				}
				if asked, _ := w.counts(); asked != 1 {
					t.Errorf("%d fetches", asked)
				}
				if l.count(EventStore) == 0 {
					t.Error("nobody was told")
				}
			})
		})
	}
}
