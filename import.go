package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store"
)

// ImportReport is what import found and did, as -json prints it.
type ImportReport struct {
	// OK says that at least one credential is in the store now that an SDK had
	// left, or that a newer one was there already.
	OK bool `json:"ok"`
	// Found is in the order of the settings; of one account the token first, and
	// of one kind the one that lives longest.
	Found []Import `json:"found"`
	// Warnings are what the settings and the store had to say.
	Warnings []string `json:"warnings,omitempty"`
}

// Import is a credential that an SDK left in Redis.
type Import struct {
	Account string `json:"account"`
	// Kind is access_token or a ticket: jsapi, wx_card, sdk.
	Kind token.Kind `json:"kind"`
	// Key is where in Redis it was found.
	Key string `json:"key"`
	// SecondsLeft is how long the SDK thinks that it lives.
	SecondsLeft int `json:"seconds_left"`
	// Result is saved, kept (the store has a newer one that lives), passed-over
	// (another one of this account lives longer), dying (it lives for less than a
	// minute) or placeholder (a proxy made it: it is worth nothing to WeChat).
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

const (
	importTimeout = time.Minute // all of it
	// importMargin is the least that is left of what is worth taking over.
	importMargin = time.Minute
	// sdkLife is what WeChat gives a token or ticket. SDKs keep its end only, or
	// less, and so its beginning is made out.
	sdkLife = 2 * time.Hour
)

// importTokens takes over the tokens and tickets that an SDK left in a Redis,
// so that the proxy's next start asks WeChat for none: with the legacy API a
// new token would end the one that programs still use. It changes nothing in
// that Redis. It prints what it found, without values, and returns errTold if
// there was nothing.
func importTokens(ctx context.Context, e env, args []string, stdout io.Writer) error {
	flags := flagSet("import")
	asJSON := flags.Bool("json", false, "")
	only := flags.String("account", "", "")
	if err := parse(flags, args, 1); err != nil {
		return err
	}
	from := flags.Arg(0)
	if !strings.HasPrefix(from, "redis://") && !strings.HasPrefix(from, "rediss://") {
		return usage("import: the argument is no URL like redis://host:6379/0") // unquoted: it may hold a password
	}
	cfg, warnings, err := config.Load(e.lookup, e.all)
	if err != nil {
		return err
	}
	accounts, err := importable(cfg, *only)
	if err != nil {
		return err
	}
	if cfg.Store.Scheme == config.StoreMemory {
		return usage("import: PROXY_TOKEN_STORE=memory: keeps nothing for the proxy's next start: set file:///path/to/dir or redis://…")
	}
	ctx, cancel := context.WithTimeout(ctx, importTimeout)
	defer cancel()
	report, err := importInto(ctx, cfg, accounts, from)
	report.Warnings = append(warnings, report.Warnings...)
	if err != nil {
		return err
	}
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

// importable returns the official accounts, or the one that only names: what
// SDKs leave of WeCom does not tell which agent's it is.
func importable(cfg *config.Config, only string) ([]config.Account, error) {
	var accounts []config.Account
	known := false
	for _, a := range cfg.Accounts {
		if only == "" || a.Name == only {
			known = true
			if a.Kind == config.KindOfficial {
				accounts = append(accounts, a)
			}
		}
	}
	switch {
	case !known:
		return nil, usage("import: there is no account %q", only)
	case len(accounts) == 0:
		return nil, usage("import: only accounts of kind official can be imported")
	}
	return accounts, nil
}

// importInto brings what an SDK left of accounts in the Redis at from into the
// store of the settings.
func importInto(ctx context.Context, cfg *config.Config, accounts []config.Account, from string) (r ImportReport, err error) {
	r.Found = []Import{} // null is no list
	var said notes
	s, err := openStore(ctx, cfg, slog.New(&said))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for _, a := range accounts {
		found, err := store.Import(ctx, from, a.AppID, a.Secret)
		if err != nil {
			return r, err
		}
		taken := map[token.Kind]bool{}
		for _, f := range found {
			now := time.Now()
			i := Import{Account: a.Name, Kind: f.Kind, Key: f.From, SecondsLeft: int(f.ExpiresAt.Sub(now).Seconds())}
			i.Result = unfit(f, now)
			switch {
			case i.Result != "":
			case taken[f.Kind]:
				i.Result = importPassedOver
			default:
				taken[f.Kind], r.OK = true, true
				if i.Result, err = takeOver(ctx, s, token.RecordName(a.Name, identityOf(a), f.Kind), f, now); err != nil {
					return r, fmt.Errorf("save %s of %s: %w", f.Kind, a.Name, err)
				}
			}
			r.Found = append(r.Found, i)
		}
	}
	r.Warnings = said.all()
	return r, nil
}

// unfit says why f is not worth taking over; "": it is.
func unfit(f store.Found, now time.Time) string {
	if _, ok := access.Parse(f.Value.Reveal()); ok {
		return importPlaceholder
	}
	if f.ExpiresAt.Sub(now) < importMargin {
		return importDying
	}
	return ""
}

// takeOver saves f under name, unless a newer one lives there. Which one is
// newer is told by the end: SDKs do not keep the beginning.
func takeOver(ctx context.Context, s token.Store, name string, f store.Found, now time.Time) (result string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*storeCheckTimeout)
	defer cancel()
	err = s.Save(ctx, name, token.EncodeRecord(imported(f, now)))
	if errors.Is(err, token.ErrStale) {
		return importKept, nil
	}
	return importSaved, err
}

// imported is the credential that f is, as if the proxy had fetched it.
func imported(f store.Found, now time.Time) token.Credential {
	began := f.ExpiresAt.Add(-sdkLife)
	if began.After(now) {
		began = now
	}
	return token.Credential{
		Value: f.Value, Gen: uint64(began.UnixMicro()), FetchedAt: began, FirstSeenAt: began,
		ExpiresIn: f.ExpiresAt.Sub(began), ExpiresAt: f.ExpiresAt,
	}
}

// text is the report for people.
func (r ImportReport) text() string {
	var b strings.Builder
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	for _, i := range r.Found {
		fmt.Fprintf(&b, "%s of %s, found at %s, lives for %v: %s\n", i.Kind, i.Account, i.Key,
			time.Duration(i.SecondsLeft)*time.Second, importWords(i.Result))
	}
	if !r.OK {
		b.WriteString("There is nothing to import. Is it the right Redis and database, and has an SDK fetched a token within two hours?\n")
	}
	return b.String()
}

func importWords(result string) string {
	switch result {
	case importSaved:
		return "saved; the proxy uses it from its next start"
	case importKept:
		return "not taken: the store has a newer one"
	case importPassedOver:
		return "not taken: another one lives longer"
	case importDying:
		return "not taken: it ends within a minute"
	default:
		return "not taken: a proxy made it, it is worth nothing to WeChat"
	}
}
