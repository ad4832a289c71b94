package operate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
)

// Report is what check found, as -json prints it.
type Report struct {
	// OK says that no check failed; there may be warnings.
	OK bool `json:"ok"`
	// Checks are in the order of the settings.
	Checks []Finding `json:"checks"`
}

// Finding is the result of one check.
type Finding struct {
	// Name is what was checked: settings, store, host, clock or token.
	Name string `json:"name"`
	// Host is host:port if Name is host.
	Host string `json:"host,omitempty"`
	// Account is the account's name if Name is token.
	Account string `json:"account,omitempty"`
	OK      bool   `json:"ok"`
	// Warning says that it works, but that something should be done.
	Warning bool `json:"warning,omitempty"`
	// Detail is what was found, in words.
	Detail string `json:"detail"`
	// Errcode is WeChat's; 0 if WeChat did not answer with one.
	Errcode int `json:"errcode,omitempty"`
	// IP is the address that WeChat saw the call come from, if it said so.
	IP string `json:"ip,omitempty"`
	// Advice is what to do; nil if there is nothing to do.
	Advice *Remedy `json:"advice,omitempty"`
}

// newReport returns a report that is OK if all findings are.
func newReport(found []Finding) Report {
	r := Report{OK: true, Checks: found}
	for _, f := range found {
		r.OK = r.OK && f.OK
	}
	return r
}

// wrongSettings reports settings that cannot be used, one finding for each
// problem.
func wrongSettings(err error, warnings []string) Report {
	found := settingsWarnings(warnings)
	var problems config.Problems
	if !errors.As(err, &problems) {
		found = append(found, Finding{Name: "settings", Detail: err.Error()})
	}
	for _, p := range problems {
		found = append(found, Finding{Name: "settings", Detail: p.String()})
	}
	return newReport(found)
}

func settingsWarnings(warnings []string) []Finding {
	var found []Finding
	for _, w := range warnings {
		found = append(found, Finding{Name: "settings", OK: true, Warning: true, Detail: w})
	}
	return found
}

// text is the report for people, one paragraph for each finding.
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
		fmt.Fprintf(&b, "%s  %s: %s\n", mark, f.title(), f.Detail)
		if f.Advice != nil {
			fmt.Fprintf(&b, "      → %s\n      → %s\n", f.Advice.EN, f.Advice.ZH)
		}
	}
	switch {
	case failed > 0:
		fmt.Fprintf(&b, "\n%d of %d checks failed.\n", failed, len(r.Checks))
	case warned > 0:
		fmt.Fprintf(&b, "\nAll checks passed, with warnings: %d.\n", warned)
	default:
		b.WriteString("\nAll checks passed.\n")
	}
	return b.String()
}

// title is what was checked.
func (f Finding) title() string {
	switch {
	case f.Account != "":
		return f.Name + " of " + f.Account
	case f.Host != "":
		return f.Name + " " + f.Host
	default:
		return f.Name
	}
}
