package serve

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
)

// retryEvery is how often settings that were not applied are read again: what was
// missing may be somewhere else than in the files.
const retryEvery = 5 * time.Second

// watch waits for changes until ctx ends, and calls changed at each of them.
type watch func(ctx context.Context, changed func()) error

// watchSettings reloads the settings when their files change, and on SIGHUP,
// which arrives at hup, until ctx ends.
func (a *app) watchSettings(ctx context.Context, hup chan os.Signal) {
	defer signal.Stop(hup)
	var watchers sync.WaitGroup
	defer watchers.Wait()
	changed := make(chan struct{}, 1)
	for next := watch(a.settings.Load().Watch); ctx.Err() == nil; {
		round, stop := context.WithCancel(ctx)
		watchFiles := next // next is set again below, maybe before the goroutine starts
		watchers.Go(func() {
			if err := watchFiles(round, func() { notify(changed) }); err != nil && round.Err() == nil {
				a.log.Warn("settings", "err", err)
			}
		})
		select {
		case <-ctx.Done():
		case <-hup:
			next = a.reload()
		case <-changed:
			next = a.reload()
		}
		stop() // the new settings may name other files
	}
}

// notify is for a channel with a buffer of one: several changes in a row need
// one reload only.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// reload reads the settings again and puts them in force. If they are wrong it
// logs that and keeps the old ones. It returns how to wait for the next change.
func (a *app) reload() watch {
	old := a.settings.Load()
	cfg, warnings, err := old.Reload()
	for _, w := range warnings {
		a.log.Warn("settings", "hint", w)
	}
	if err == nil {
		err = a.apply(cfg)
	}
	if err != nil {
		a.log.Error("reload", "result", "refused", "err", err)
		a.admin.Reload("", err)
		return func(ctx context.Context, changed func()) error { return watchBad(ctx, old, changed) }
	}
	summary := fmt.Sprintf("%d accounts, %d clients", len(cfg.Accounts), len(cfg.Clients))
	a.log.Info("reload", "result", "applied", "hint", summary)
	a.admin.Reload(summary, nil)
	return cfg.Watch
}

// watchBad waits for the settings to be corrected after old, which stays in
// force: for a change of the files, and for a version that loads. It does not use
// old.Watch, which would report the bad version as a change at once.
func watchBad(ctx context.Context, old *config.Config, changed func()) error {
	ctx, stop := context.WithCancel(ctx)
	var retries sync.WaitGroup
	defer retries.Wait()
	defer stop()
	retries.Go(func() {
		again := time.NewTicker(retryEvery)
		defer again.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-again.C:
				if _, _, err := old.Reload(); err == nil {
					changed()
				}
			}
		}
	})
	return config.Watch(ctx, old.Files(), changed)
}
