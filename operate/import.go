package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/fromconfig"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store"
)

const (
	importTimeout = time.Minute // for everything
	// importMargin is how long a credential must be valid to be worth importing.
	importMargin = time.Minute
	// sdkLife is how long WeChat's tokens and tickets are valid. SDKs keep only
	// their end, from which this tells the beginning.
	sdkLife = 2 * time.Hour
	// saveTimeout bounds saving one credential.
	saveTimeout = 3 * time.Second
)

// Import saves the tokens and tickets that an SDK left in a Redis in the store of
// the settings, so that the proxy does not ask WeChat for new ones when it
// starts: with the legacy API that would end the token that programs still use.
// It changes nothing in that Redis. It prints what it found, without values, and
// returns [ErrReported] if there was nothing.
func Import(ctx context.Context, environ config.Environ, args []string, stdout io.Writer) error {
	flags := flagSet("import")
	asJSON := flags.Bool("json", false, "")
	only := flags.String("account", "", "")
	if err := parse(flags, args, 1); err != nil {
		return err
	}
	from := flags.Arg(0)
	if !strings.HasPrefix(from, "redis://") && !strings.HasPrefix(from, "rediss://") {
		return Usagef("import: the argument is not a URL like redis://host:6379/0") // not quoted: it may hold a password
	}
	cfg, warnings, err := config.Load(environ.Lookup, environ)
	if err != nil {
		return err
	}
	accounts, err := importable(cfg, *only)
	if err != nil {
		return err
	}
	if cfg.Store.Scheme == config.StoreMemory {
		return Usagef("import: the memory store does not survive a restart; set PROXY_TOKEN_STORE to file:///… or redis://…")
	}
	ctx, cancel := context.WithTimeout(ctx, importTimeout)
	defer cancel()
	report, err := importInto(ctx, cfg, accounts, from)
	report.Warnings = append(warnings, report.Warnings...)
	if err != nil {
		return err
	}
	return printReport(stdout, report, report.OK, *asJSON)
}

// importable returns the official accounts, or only the one of that name. WeCom
// is left out: the keys that SDKs use do not tell which agent a token is of.
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
		return nil, Usagef("import: no account %q is configured", only)
	case len(accounts) == 0:
		return nil, Usagef("import: only accounts of kind official can be imported")
	}
	return accounts, nil
}

// importInto saves what an SDK left for accounts in the Redis at from in the
// store of the settings.
func importInto(ctx context.Context, cfg *config.Config, accounts []config.Account, from string) (r ImportReport, err error) {
	r.Found = []Imported{} // in JSON a list, not null
	var warned warnings
	s, err := store.Open(ctx, fromconfig.Store(cfg), warned.add)
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
			i := Imported{Account: a.Name, Kind: f.Kind, Key: f.From, SecondsLeft: int(f.ExpiresAt.Sub(now).Seconds())}
			i.Result = skipReason(f, now)
			switch {
			case i.Result != "":
			case taken[f.Kind]:
				i.Result = importPassedOver
			default:
				taken[f.Kind], r.OK = true, true
				if i.Result, err = save(ctx, s, token.RecordName(a.Name, fromconfig.Account(a).ID(), f.Kind), f, now); err != nil {
					return r, fmt.Errorf("save %s of %s: %w", f.Kind, a.Name, err)
				}
			}
			r.Found = append(r.Found, i)
		}
	}
	r.Warnings = warned.all()
	return r, nil
}

// skipReason returns the result for f if it is not worth importing, else "".
func skipReason(f store.Found, now time.Time) string {
	if _, ok := access.Parse(f.Value.Reveal()); ok {
		return importPlaceholder
	}
	if f.ExpiresAt.Sub(now) < importMargin {
		return importDying
	}
	return ""
}

// save saves f under name, unless the store has a newer one. The newer one is the
// one that ends later: SDKs do not keep the beginning.
func save(ctx context.Context, s token.Store, name string, f store.Found, now time.Time) (result string, err error) {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	err = s.Save(ctx, name, token.EncodeRecord(credentialOf(f, now)))
	if errors.Is(err, token.ErrStale) {
		return importKept, nil
	}
	return importSaved, err
}

// credentialOf returns f as if the proxy had fetched it.
func credentialOf(f store.Found, now time.Time) token.Credential {
	began := f.ExpiresAt.Add(-sdkLife)
	if began.After(now) {
		began = now
	}
	return token.Credential{
		Value: f.Value, Gen: uint64(began.UnixMicro()), FetchedAt: began, FirstSeenAt: began,
		ExpiresIn: f.ExpiresAt.Sub(began), ExpiresAt: f.ExpiresAt,
	}
}
