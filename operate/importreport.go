package operate

import (
	"fmt"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// ImportReport is what import found and did, as -json prints it.
type ImportReport struct {
	// OK says that at least one credential was worth importing: it is in the
	// store now, or the store already had a newer one.
	OK bool `json:"ok"`
	// Found is in the order of the settings. For each account the token comes
	// first, and of one kind the one that ends last.
	Found []Imported `json:"found"`
	// Warnings are about the settings and the store.
	Warnings []string `json:"warnings,omitempty"`
}

// Imported is a credential that an SDK left in Redis.
type Imported struct {
	Account string `json:"account"`
	// Kind is access_token or a ticket: jsapi, wx_card, sdk.
	Kind token.Kind `json:"kind"`
	// Key is where in Redis it was found.
	Key string `json:"key"`
	// SecondsLeft is how long it is valid, according to the SDK.
	SecondsLeft int `json:"seconds_left"`
	// Result is saved, kept (the store has a newer one), passed-over (another
	// one of this account ends later), dying (it ends within a minute) or
	// placeholder (a proxy made it: it is worth nothing to WeChat).
	Result string `json:"result"`
}

// The results of an import.
const (
	importSaved       = "saved"
	importKept        = "kept"
	importPassedOver  = "passed-over"
	importDying       = "dying"
	importPlaceholder = "placeholder"
)

// text is the report for people.
func (r ImportReport) text() string {
	var b strings.Builder
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	for _, i := range r.Found {
		fmt.Fprintf(&b, "%s of %s, found at %s, valid for %v: %s\n", i.Kind, i.Account, i.Key,
			time.Duration(i.SecondsLeft)*time.Second, describe(i.Result))
	}
	if !r.OK {
		b.WriteString("There is nothing to import. Is this the right Redis and database, and did an SDK fetch a token within the last two hours?\n")
	}
	return b.String()
}

// describe says what a result means.
func describe(result string) string {
	switch result {
	case importSaved:
		return "saved; the proxy uses it from its next start"
	case importKept:
		return "not taken: the store has a newer one"
	case importPassedOver:
		return "not taken: another one ends later"
	case importDying:
		return "not taken: it ends within a minute"
	default:
		return "not taken: it is a placeholder that a proxy made"
	}
}
