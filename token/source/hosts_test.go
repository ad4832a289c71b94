package source

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
)

func TestTheBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		asked, sick := 0, true
		c := newClient(t, Options{
			Upstreams:      []string{"https://a"},
			BreakerOpenFor: 5 * time.Second,
			OnBreaker:      func(host, from, to string) { changes = append(changes, host+" "+from+" → "+to) },
			Transport: trips{"a": func(r *http.Request) (*http.Response, error) {
				asked++
				if sick {
					return nil, syscall.ECONNREFUSED
				}
				return answers(200, good)(r)
			}},
		})
		src := c.Stable("wx1", appSecret)
		for range 7 {
			_, _ = fetch(t.Context(), src)
		}
		if asked != 5 {
			t.Errorf("asked %d times, want 5: then the breaker is open", asked)
		}
		if _, err := fetch(t.Context(), src); failureOf(err) != wechat.BreakerOpen {
			t.Errorf("while it is open: %v", err)
		}
		sick = false
		time.Sleep(6 * time.Second)
		if v, err := fetch(t.Context(), src); v != "T" || err != nil {
			t.Errorf("after its rest: %q, %v", v, err)
		}
		want := []string{"a closed → open", "a open → half-open", "a half-open → closed"}
		if !slices.Equal(changes, want) {
			t.Errorf("it told %q, want %q", changes, want)
		}
	})
}

// failureOf is the kind of the road's failure that err holds.
func failureOf(err error) wechat.Kind {
	var f *wechat.Failure
	if !errors.As(err, &f) {
		return ""
	}
	return f.Kind
}

func TestWhatIsNoFailureOfAHost(t *testing.T) {
	t.Parallel()
	gone := func(*http.Request) (*http.Response, error) { return nil, context.Canceled }
	for name, trip := range map[string]func(*http.Request) (*http.Response, error){
		"WeChat's no":         answers(200, `{"errcode":40125}`),
		"WeChat's busy":       answers(200, `{"errcode":-1}`),
		"a redirect":          answers(302, ""),
		"a caller who leaves": gone,
	} {
		c := newClient(t, Options{
			Upstreams: []string{"https://a"}, Transport: trips{"a": trip},
			OnBreaker: func(_, from, to string) { t.Errorf("%s: the breaker went from %s to %s", name, from, to) },
		})
		for range 10 {
			_, _ = fetch(t.Context(), c.Legacy("wx1", appSecret))
		}
	}
}

func TestAnOpenBreakerSendsToTheNextHost(t *testing.T) {
	t.Parallel()
	asked := 0
	c := newClient(t, Options{Upstreams: []string{"https://a", "https://b"}, BreakerOpenFor: time.Hour, Transport: trips{
		"a": func(*http.Request) (*http.Response, error) { asked++; return nil, syscall.ECONNREFUSED },
		"b": answers(200, good),
	}})
	for range 10 {
		if v, err := fetch(t.Context(), c.Legacy("wx1", appSecret)); v != "T" {
			t.Fatal(err)
		}
	}
	if asked != 5 {
		t.Errorf("the sick host was asked %d times", asked)
	}
}
