package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/source"
)

// Report is what check found, as -json prints it.
type Report struct {
	// OK says that nothing failed; there may be warnings.
	OK bool `json:"ok"`
	// Checks are in the order of the settings.
	Checks []Finding `json:"checks"`
}

// Finding is what one check found.
type Finding struct {
	// Name is what was looked at: settings, store, host, clock or token.
	Name string `json:"name"`
	// Host is the host and port, of a host.
	Host string `json:"host,omitempty"`
	// Account is the account's name, of a token.
	Account string `json:"account,omitempty"`
	OK      bool   `json:"ok"`
	// Warning says that it works, but that something should be done.
	Warning bool `json:"warning,omitempty"`
	// Detail is what was found, in words.
	Detail string `json:"detail"`
	// Errcode is WeChat's, where it was WeChat that said no.
	Errcode int `json:"errcode,omitempty"`
	// IP is the address that WeChat saw the call come from, where it says so.
	IP string `json:"ip,omitempty"`
	// Advice is what to do; absent where there is nothing to be done.
	Advice *Remedy `json:"advice,omitempty"`
}

// Remedy is what to do, in two languages.
type Remedy struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

const (
	checkTimeout = 30 * time.Second // all of it
	checkAtOnce  = 8                // accounts
)

// check loads the settings and looks whether what they name works: the store,
// WeChat's hosts, each account's secret. It prints what it found and what to
// do, and returns errTold if anything failed. Settings that are wrong are
// returned as config.Problems.
func check(ctx context.Context, e env, args []string, stdout io.Writer) error {
	flags := flagSet("check")
	asJSON := flags.Bool("json", false, "")
	if err := parse(flags, args, 0); err != nil {
		return err
	}
	cfg, warnings, err := config.Load(e.lookup, e.all)
	if err != nil {
		if *asJSON {
			_ = printJSON(stdout, wrongSettings(err, warnings)) // the error is told all the same
			return err
		}
		for _, w := range warnings { // a misspelt name may be why
			fmt.Fprintln(stdout, w)
		}
		return err
	}
	transport := source.NewTransport()
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	c := checker{cfg: cfg, transport: transport}
	report := c.run(ctx, warnings)
	if *asJSON {
		err = printJSON(stdout, report)
	} else {
		_, err = io.WriteString(stdout, report.text())
	}
	if err == nil && !report.OK {
		err = errTold
	}
	return err
}

// wrongSettings is a report of settings that cannot be used, one finding for
// each problem.
func wrongSettings(err error, warnings []string) Report {
	r := Report{}
	for _, w := range warnings {
		r.Checks = append(r.Checks, Finding{Name: "settings", OK: true, Warning: true, Detail: w})
	}
	var problems config.Problems
	if !errors.As(err, &problems) {
		r.Checks = append(r.Checks, Finding{Name: "settings", Detail: err.Error()})
	}
	for _, p := range problems {
		r.Checks = append(r.Checks, Finding{Name: "settings", Detail: p.String()})
	}
	return r
}

// flagSet returns an empty set of flags that leaves the telling to parse's
// caller.
func flagSet(command string) *flag.FlagSet {
	f := flag.NewFlagSet(command, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return f
}

// parse reads args: flags, and as many arguments behind them as want says.
func parse(f *flag.FlagSet, args []string, want int) error {
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return usage("%s: see: wechat-token-proxy help", f.Name())
	case err != nil:
		return usage("%s: %w", f.Name(), err)
	case f.NArg() > want:
		return usage("%s: too many arguments; flags go first", f.Name()) // unquoted: one may be a secret
	case f.NArg() < want:
		return usage("%s: there is an argument missing; see: wechat-token-proxy help", f.Name())
	}
	return nil
}

// printJSON writes v as an indented document.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// text is the report for people, one finding a paragraph.
func (r Report) text() string {
	var b strings.Builder
	failed, warned := 0, 0
	for _, f := range r.Checks {
		mark := "ok  "
		switch {
		case !f.OK:
			mark = "FAIL"
			failed++
		case f.Warning:
			mark = "warn"
			warned++
		}
		fmt.Fprintf(&b, "%s  %s: %s\n", mark, f.what(), f.Detail)
		if f.Advice != nil {
			fmt.Fprintf(&b, "      → %s\n      → %s\n", f.Advice.EN, f.Advice.ZH)
		}
	}
	switch {
	case failed > 0:
		fmt.Fprintf(&b, "\n%d of %d checks failed.\n", failed, len(r.Checks))
	case warned > 0:
		fmt.Fprintf(&b, "\nAll works; warnings: %d.\n", warned)
	default:
		b.WriteString("\nAll is well.\n")
	}
	return b.String()
}

func (f Finding) what() string {
	switch {
	case f.Account != "":
		return f.Name + " of " + f.Account
	case f.Host != "":
		return f.Name + " " + f.Host
	default:
		return f.Name
	}
}

// run makes all checks. The store comes first, since a token that lives there
// is not fetched.
func (c *checker) run(ctx context.Context, warnings []string) Report {
	all := []Finding{{Name: "settings", OK: true, Detail: fmt.Sprintf("accounts: %d, named clients: %d", len(c.cfg.Accounts), len(c.cfg.Clients))}}
	for _, w := range warnings {
		all = append(all, Finding{Name: "settings", OK: true, Warning: true, Detail: w})
	}
	s, found := c.checkStore(ctx)
	all = append(all, found...)
	all = append(all, c.checkHosts(ctx)...)
	tokens := c.checkTokens(ctx, s)
	if s != nil {
		if err := s.Close(); err != nil {
			all = append(all, Finding{Name: "store", Detail: "close: " + err.Error()})
		}
	}
	if f, ok := c.clock(); ok {
		all = append(all, f)
	}
	all = append(all, tokens...)
	report := Report{OK: true, Checks: all}
	for _, f := range all {
		report.OK = report.OK && f.OK
	}
	return report
}

// each calls f for 0 to n-1, atOnce of them at the same time, and waits.
func each(n, atOnce int, f func(i int)) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(n, atOnce) {
		workers.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}
