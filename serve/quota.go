package serve

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
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Bounds on questions about quotas: each is itself a call that counts.
const (
	quotaPath    = "/cgi-bin/openapi/quota/get"
	quotaTop     = 5  // paths of each account that are asked about
	quotaTracked = 64 // paths of each account that are counted
)

// quotas regularly asks WeChat how much of the day's quota is left for the paths
// that were called most ("Get API quota" in WeChat's server API docs). A nil
// *quotas does nothing.
type quotas struct {
	ask func(ctx context.Context, account, path string) (quota, error)

	mu    sync.Mutex
	calls map[string]map[string]int   // :: account → path → calls since the last round
	known map[string]map[string]quota // :: account → path → WeChat's last answer
}

// quota is WeChat's answer.
type quota struct {
	Limit int `json:"daily_limit"`
	Used  int `json:"used"`
	Left  int `json:"remain"`
}

func newQuotas(ask func(ctx context.Context, account, path string) (quota, error)) *quotas {
	return &quotas{ask: ask, calls: map[string]map[string]int{}, known: map[string]map[string]quota{}}
}

// askQuota asks WeChat about one path of an account.
func (a *app) askQuota(ctx context.Context, account, path string) (quota, error) {
	doc, _, err := a.ask(ctx, account, quotaPath, map[string]string{"cgi_path": path})
	if err != nil {
		return quota{}, err
	}
	var answer struct {
		Quota quota `json:"quota"`
	}
	if err := json.Unmarshal(doc, &answer); err != nil {
		return quota{}, errors.New("cannot parse WeChat's quota answer")
	}
	return answer.Quota, nil
}

// called counts a call if it succeeded. Of each account's paths, the first 64
// since the last round are counted.
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

// run starts a round at each interval until ctx ends.
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

// round asks once about each account's most called paths, and forgets the
// quotas of all others.
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
			if answer, err := q.ask(ctx, account, path); err == nil { // some paths have no quota
				known[account][path] = answer
			}
		}
	}
	q.mu.Lock()
	q.known = known
	q.mu.Unlock()
}

// top returns the paths that were called most.
func top(paths map[string]int) []string {
	names := slices.SortedFunc(maps.Keys(paths), func(a, b string) int {
		return cmp.Or(cmp.Compare(paths[b], paths[a]), cmp.Compare(a, b))
	})
	return names[:min(len(names), quotaTop)]
}

// report returns all quotas that are known.
func (q *quotas) report() []admin.Quota {
	if q == nil {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []admin.Quota
	for account, paths := range q.known {
		for path, answer := range paths {
			out = append(out, admin.Quota{Account: account, Path: path, Limit: answer.Limit, Used: answer.Used, Left: answer.Left})
		}
	}
	return out
}
