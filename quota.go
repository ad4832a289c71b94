package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Bounds of what is asked about quotas: asking is itself a call that counts.
const (
	quotaPath    = "/cgi-bin/openapi/quota/get"
	quotaTop     = 5  // paths of each account that are asked about
	quotaTracked = 64 // paths of each account that are counted
)

// quotas asks WeChat every so often how much of the day's quota is left for the
// paths that were called most ("Get API quota" in WeChat's server API docs). A
// nil *quotas does nothing.
type quotas struct {
	ask func(ctx context.Context, account, path string) (quota, error)

	mu    sync.Mutex
	calls map[string]map[string]int   // :: account → path → calls since the last question
	known map[string]map[string]quota // :: account → path → WeChat's last answer
}

// quota is WeChat's answer.
type quota struct {
	Limit int `json:"daily_limit"`
	Used  int `json:"used"`
	Left  int `json:"remain"`
}

func newQuotas(a *app) *quotas {
	q := &quotas{calls: map[string]map[string]int{}, known: map[string]map[string]quota{}}
	q.ask = func(ctx context.Context, account, path string) (quota, error) {
		doc, _, err := a.ask(ctx, account, quotaPath, map[string]string{"cgi_path": path})
		if err != nil {
			return quota{}, err
		}
		var said struct {
			Quota quota `json:"quota"`
		}
		if err := json.Unmarshal(doc, &said); err != nil {
			return quota{}, errors.New("what WeChat answered is no quota")
		}
		return said.Quota, nil
	}
	return q
}

// called counts a call that WeChat took. Of an account's paths, the first 64
// since the last question are counted.
func (q *quotas) called(r proxy.Record) {
	if q == nil || r.Account == "" || r.Platform != errcode.MP || r.Status != 200 || r.Errcode != 0 || r.Host == "" || len(r.Path) > 128 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	paths := q.calls[r.Account]
	if paths == nil {
		paths = map[string]int{}
		q.calls[r.Account] = paths
	}
	if _, known := paths[r.Path]; known || len(paths) < quotaTracked {
		paths[r.Path]++
	}
}

// run asks every so often until ctx ends.
func (q *quotas) run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			q.round(ctx)
		}
	}
}

// round asks once about each account's most called paths. What was known of
// others is forgotten.
func (q *quotas) round(ctx context.Context) {
	q.mu.Lock()
	calls := q.calls
	q.calls = map[string]map[string]int{}
	q.mu.Unlock()
	known := map[string]map[string]quota{}
	for account, paths := range calls {
		known[account] = map[string]quota{}
		for _, path := range top(paths) {
			if ctx.Err() != nil {
				return
			}
			if said, err := q.ask(ctx, account, path); err == nil { // WeChat counts no calls of some paths
				known[account][path] = said
			}
		}
	}
	q.mu.Lock()
	q.known = known
	q.mu.Unlock()
}

// top is the paths that were called most.
func top(paths map[string]int) []string {
	names := slices.SortedFunc(maps.Keys(paths), func(a, b string) int {
		return cmp.Or(cmp.Compare(paths[b], paths[a]), cmp.Compare(a, b))
	})
	return names[:min(len(names), quotaTop)]
}

// each calls f with all that is known.
func (q *quotas) each(f func(account, path string, said quota)) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for account, paths := range q.known {
		for path, said := range paths {
			f(account, path, said)
		}
	}
}
