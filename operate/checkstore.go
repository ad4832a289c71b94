package operate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/fromconfig"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store"
)

// storeStepTimeout bounds each step of trying a store.
const storeStepTimeout = time.Second

// checkStore opens the store of the settings and tries it with a record of its
// own. It returns the store even if a try failed, and nil if there is none.
func (c *checker) checkStore(ctx context.Context) (token.Store, []Finding) {
	if c.cfg.Store.Scheme == config.StoreMemory {
		return nil, []Finding{{Name: "store", OK: true, Detail: "memory: after a restart, tokens are fetched from WeChat again"}}
	}
	var warned warnings
	s, err := store.Open(ctx, fromconfig.Store(c.cfg), warned.add)
	if err != nil {
		return nil, []Finding{c.storeFailed(err)}
	}
	f := Finding{Name: "store", OK: true, Detail: c.cfg.Store.Describe() + ": write, read, lock and delete succeeded"}
	if err := tryStore(ctx, s); err != nil {
		f = c.storeFailed(fmt.Errorf("%s: %w", c.cfg.Store.Describe(), err))
	}
	found := []Finding{f}
	for _, line := range warned.all() {
		found = append(found, Finding{Name: "store", OK: true, Warning: true, Detail: line})
	}
	return s, found
}

func (c *checker) storeFailed(err error) Finding {
	advice := adviceRedis()
	if c.cfg.Store.Scheme == config.StoreFile {
		advice = adviceDirectory()
	}
	return Finding{Name: "store", Detail: err.Error(), Advice: advice}
}

// tryStore does with s what the proxy does, with a record of its own.
func tryStore(ctx context.Context, s token.Store) error {
	name := "check/" + rand.Text()
	rec := token.Record{Gen: 1, Data: []byte("check"), ExpiresAt: time.Now().Add(time.Minute)}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"write", func(ctx context.Context) error { return s.Save(ctx, name, rec) }},
		{"read", func(ctx context.Context) error {
			got, err := s.Load(ctx, name)
			if err == nil && string(got.Data) != string(rec.Data) {
				err = errors.New("the data read is not the data written")
			}
			return err
		}},
		{"lock", func(ctx context.Context) error {
			lock, err := s.TryLock(ctx, name, time.Minute)
			if err != nil {
				return err
			}
			return lock.Unlock(ctx)
		}},
		{"delete", func(ctx context.Context) error { return s.Delete(ctx, name) }},
	} {
		stepCtx, cancel := context.WithTimeout(ctx, storeStepTimeout)
		err := step.do(stepCtx)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// warnings collects what a store warns about. The zero value is ready for use.
type warnings struct {
	mu    sync.Mutex
	lines []string
}

// maxWarnings bounds how many are kept: a damaged store may have many.
const maxWarnings = 20

// add is a [store.Warn].
func (w *warnings) add(msg string, err error) {
	if err != nil {
		msg += ": " + err.Error()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lines) < maxWarnings {
		w.lines = append(w.lines, msg)
	}
}

func (w *warnings) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.lines)
}
