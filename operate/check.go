package operate

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
)

const (
	checkTimeout = 30 * time.Second // for all checks together
	checkAtOnce  = 8                // hosts or accounts
)

// Check loads the settings and tries what they name: the store, WeChat's hosts,
// each account's secret. It prints what it found and what to do. It returns
// [ErrReported] if a check failed, and [config.Problems] if the settings are
// wrong.
func Check(ctx context.Context, environ config.Environ, args []string, stdout io.Writer) error {
	flags := flagSet("check")
	asJSON := flags.Bool("json", false, "")
	if err := parse(flags, args, 0); err != nil {
		return err
	}
	cfg, warnings, err := config.Load(environ.Lookup, environ)
	if err != nil {
		if *asJSON {
			_ = printJSON(stdout, wrongSettings(err, warnings)) // err is what counts
			return err
		}
		for _, w := range warnings { // a misspelt variable may be the cause
			fmt.Fprintln(stdout, w)
		}
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	c := checker{cfg: cfg}
	defer c.connections.Close()
	report := c.run(ctx, warnings)
	return printReport(stdout, report, report.OK, *asJSON)
}

// checker makes the checks for one configuration.
type checker struct {
	cfg         *config.Config
	connections wechat.Connections
	transport   http.RoundTripper // nil: connections

	mu    sync.Mutex
	ahead *time.Duration // how far WeChat's clock is ahead of ours; nil: not known
}

// run makes all checks. The store comes first: an account whose token is still
// good there is not asked for another.
func (c *checker) run(ctx context.Context, warnings []string) Report {
	found := []Finding{{Name: "settings", OK: true, Detail: fmt.Sprintf("accounts: %d, named clients: %d", len(c.cfg.Accounts), len(c.cfg.Clients))}}
	found = append(found, settingsWarnings(warnings)...)
	s, storeFound := c.checkStore(ctx)
	found = append(found, storeFound...)
	found = append(found, c.checkHosts(ctx)...)
	tokens := c.checkTokens(ctx, s)
	if s != nil {
		if err := s.Close(); err != nil {
			found = append(found, Finding{Name: "store", Detail: "close: " + err.Error()})
		}
	}
	if f, ok := c.checkClock(); ok {
		found = append(found, f)
	}
	return newReport(append(found, tokens...))
}

// forEach calls f with 0 to n-1, checkAtOnce of them at a time, and waits.
func forEach(n int, f func(i int)) {
	var group errgroup.Group
	group.SetLimit(checkAtOnce)
	for i := range n {
		group.Go(func() error {
			f(i)
			return nil
		})
	}
	_ = group.Wait() // f returns no error
}
