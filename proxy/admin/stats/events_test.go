package stats

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

func TestEventLevels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		event token.Event
		want  string
	}{
		{"a renewal on schedule", token.Event{Type: token.EventRenewal, Cause: token.CauseSchedule, Result: token.ResultRenewed}, levelInfo},
		{"a renewal after a rejection", token.Event{Type: token.EventRenewal, Cause: token.CauseForced, Result: token.ResultRenewed}, levelGood},
		{"a renewal that failed", token.Event{Type: token.EventRenewal, Cause: token.CauseSchedule, Result: token.ResultFailed}, levelWarning},
		{"a renewal that WeChat denied", token.Event{Type: token.EventRenewal, Cause: token.CauseSchedule, Result: token.ResultDenied}, levelBad},
		{"a rejection", token.Event{Type: token.EventRejection}, levelWarning},
		{"a rogue", token.Event{Type: token.EventRogue}, levelBad},
		{"a store that went", token.Event{Type: token.EventStore, Step: "down"}, levelBad},
		{"a stored record that cannot be read", token.Event{Type: token.EventStore, Step: "damaged"}, levelWarning},
		{"a store that came back", token.Event{Type: token.EventStore, Step: "up"}, levelGood},
	} {
		if got := tokenLevel(c.event); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestEventHasWeChatsErrcode(t *testing.T) {
	t.Parallel()
	row := tokenEvent(token.Event{Type: token.EventRenewal, Result: token.ResultDenied, Err: ipNotAllowed(), Took: 1500 * time.Microsecond}, errcode.MP)
	if row.Errcode != 40164 || row.Name != "IP not on the allow-list" || row.Advice == nil || row.Error == "" || row.TookMS != 1.5 {
		t.Errorf("%+v", row)
	}
	if row := reloadEvent(noon, "2 accounts", errors.New("line 3")); row.Level != levelBad || row.Error != "line 3" {
		t.Errorf("%+v", row)
	}
}

// Thousands of renewals that simply work do not push out notable events.
func TestRoutineDoesNotHideTheNotable(t *testing.T) {
	t.Parallel()
	s := newStats("shop")
	s.Breaker("api.weixin.qq.com", "closed", "open")
	for i := range 5000 {
		s.Token(token.Event{Type: token.EventRenewal, Key: token.Key{Account: fmt.Sprint(i), Kind: token.AccessToken}, At: noon.Add(time.Duration(i) * time.Second), Cause: token.CauseSchedule, Result: token.ResultRenewed})
	}
	rows := s.Events()
	if len(rows) != maxRoutine+1 || rows[0].Account != "4999" || rows[maxRoutine].Type != "breaker" {
		t.Errorf("%d events, first %+v, last %+v", len(rows), rows[0], rows[len(rows)-1])
	}
}

// ipNotAllowed is WeChat's answer to an address that is not on the allow-list.
func ipNotAllowed() error {
	return fmt.Errorf("fetch: %w", &errcode.Error{
		Platform: errcode.MP, Endpoint: errcode.Token, Code: 40164, Msg: "invalid ip 101.226.140.197, not in whitelist",
	})
}
