package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// The kinds of accounts.
const (
	KindOfficial = "official" // official and service accounts, mini programs, mini games, shops
	KindWeCom    = "wecom"    // an agent of a WeCom corporation
)

// The token endpoints of an official account.
const (
	TokenAPIStable = "stable" // POST /cgi-bin/stable_token
	TokenAPILegacy = "legacy" // GET /cgi-bin/token
)

// environment is the Source of the account that the environment names, and
// defaultAccount its name.
const (
	environment    = "environment"
	defaultAccount = "default"
)

// Account is one set of WeChat credentials.
type Account struct {
	Name     string        // unique, and no other account's AppID
	Kind     string        // KindOfficial or KindWeCom
	AppID    string        // of WeCom the corpid
	AgentID  int           // of WeCom, above zero; else 0
	Secret   secret.Secret // never zero
	TokenAPI string        // TokenAPIStable or TokenAPILegacy; of WeCom ""
	Tickets  []string      // fetched at the start and kept: jsapi, wx_card, sdk; of WeCom jsapi, agent_config
	Source   string        // where it was named: "environment" or "file:line"
}

var (
	nameForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	appIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	// envForm is stricter than the system: what does not look like the name of
	// a variable may be the secret itself, and is not quoted.
	envForm = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,127}$`)
)

const (
	nameRule  = "not a name: 1 to 63 letters, digits, dots, dashes and underscores, the first a letter or a digit"
	appIDRule = "not an AppID: 1 to 64 letters, digits, dashes and underscores"
)

// ticketsOf returns the tickets that accounts of a kind have.
func ticketsOf(kind string) []string {
	if kind == KindWeCom {
		return []string{"jsapi", "agent_config"}
	}
	return []string{"jsapi", "wx_card", "sdk"}
}

// fileAccount reads an entry of the config file's accounts. It returns what it
// understood, be it not all of it.
func (l *loader) fileAccount(entry field) Account {
	a := Account{Kind: KindOfficial, Source: entry.at()}
	f, ok := entry.fields("name", "kind", "app_id", "corp_id", "agent_id",
		"app_secret", "app_secret_file", "app_secret_env", "token_api", "tickets")
	if !ok {
		return a
	}
	a.Name = entry.required(f["name"], nameForm.MatchString, nameRule)
	if kind, ok := f["kind"].text(); ok {
		a.Kind = kind
	}
	switch a.Kind {
	case KindOfficial:
		a.AppID = entry.required(f["app_id"], appIDForm.MatchString, appIDRule)
		a.TokenAPI = l.tokenAPI
		if text, ok := f["token_api"].text(); ok {
			a.TokenAPI = text
			if err := oneOf(text, TokenAPIStable, TokenAPILegacy); err != nil {
				f["token_api"].wrong(text, "%v", err)
			}
		}
		without(f, "kind: wecom", "corp_id", "agent_id")
	case KindWeCom:
		a.AppID = entry.required(f["corp_id"], appIDForm.MatchString, "not a corpid: 1 to 64 letters, digits, dashes and underscores")
		number := entry.required(f["agent_id"], isAgentID, "not the number of an agent")
		a.AgentID, _ = strconv.Atoi(number)
		without(f, "kind: official", "app_id", "token_api")
	case "component", "authorizer":
		f["kind"].wrong(a.Kind, "third-party platforms and the accounts that authorised them are not supported yet; use official or wecom")
		return a
	default:
		f["kind"].wrong(a.Kind, "not one of official, wecom")
		return a
	}
	a.Secret = l.fileSecret(entry, f)
	for _, ticket := range f["tickets"].list() {
		text, ok := ticket.text()
		switch {
		case !ok:
		case !slices.Contains(ticketsOf(a.Kind), text):
			ticket.wrong(text, "not a ticket of this kind of account: %s", strings.Join(ticketsOf(a.Kind), ", "))
		case slices.Contains(a.Tickets, text):
			ticket.wrong(text, "named twice")
		default:
			a.Tickets = append(a.Tickets, text)
		}
	}
	return a
}

// required returns the text of a field in f, which must be there and fit; or
// "", and has noted why.
func (f field) required(inner field, fits func(string) bool, rule string) string {
	if !inner.isSet() {
		f.wrong("", "has no %s", inner.key)
		return ""
	}
	text, ok := inner.text()
	if !ok {
		return ""
	}
	if !fits(text) {
		inner.wrong(text, "%s", rule)
		return ""
	}
	return text
}

// without notes the keys that mean something only to another kind.
func without(f map[string]field, kind string, keys ...string) {
	for _, key := range keys {
		if f[key].isSet() {
			f[key].wrong("", "is for %s", kind)
		}
	}
}

func isAgentID(s string) bool {
	n, err := strconv.ParseUint(s, 10, 31)
	return err == nil && n > 0
}

// fileSecret reads an account's secret from the one of three places that the
// file names.
func (l *loader) fileSecret(entry field, f map[string]field) secret.Secret {
	given := slices.DeleteFunc([]field{f["app_secret"], f["app_secret_file"], f["app_secret_env"]},
		func(f field) bool { return !f.isSet() })
	switch {
	case len(given) == 0:
		entry.wrong("", "has no app_secret, app_secret_file or app_secret_env")
		return secret.Secret{}
	case len(given) > 1:
		given[1].wrong("", "is there beside %s: only one can hold", given[0].key)
		return secret.Secret{}
	}
	text, ok := given[0].text()
	if !ok {
		return secret.Secret{}
	}
	switch given[0].key {
	case "app_secret_file":
		secret, err := l.read.secret(l.beside(text))
		if err != nil {
			given[0].wrong(fileName(text), "%v", err)
		}
		return secret
	case "app_secret_env":
		return l.envSecret(given[0], text)
	}
	if err := checkSecret(text); err != nil {
		given[0].wrong("", "%v", err)
	}
	return secret.New(text)
}

// envSecret reads a secret from a variable that the config file names.
func (l *loader) envSecret(f field, name string) secret.Secret {
	if !envForm.MatchString(name) {
		f.wrong("", "not the name of a variable: capitals, digits and underscores")
		return secret.Secret{}
	}
	l.named = append(l.named, name)
	text, _ := l.lookup(name)
	if text == "" {
		f.wrong(name, "this variable is not set")
	} else if err := checkSecret(text); err != nil {
		f.wrong(name, "this variable %v", err)
	}
	return secret.New(text)
}

// whence says in a problem where the account was named.
func (a Account) whence() string {
	if a.Source == environment {
		return "of WECHAT_APP_ID"
	}
	return "at " + a.Source
}

// checkAccounts notes accounts that cannot be told apart.
func (l *loader) checkAccounts(accounts []Account) {
	names := make(map[string]Account, len(accounts))
	ids := make(map[string]Account, len(accounts))
	for _, a := range accounts {
		if other, ok := names[a.Name]; ok && a.Name != "" {
			l.problems.add(a.Source+" name", a.Name, "the name of the account %s too", other.whence())
		}
		names[a.Name] = a
		if a.AppID == "" {
			continue
		}
		// Agents of one corporation share its corpid.
		id := a.AppID
		if a.Kind == KindWeCom {
			id += " " + strconv.Itoa(a.AgentID)
		}
		if other, ok := ids[id]; ok {
			l.problems.add(a.Source, a.AppID, "the same account as the one %s", other.whence())
		}
		ids[id] = a
	}
	byID := make(map[string]Account, len(accounts))
	for _, a := range accounts {
		byID[a.AppID] = a
	}
	for _, a := range accounts {
		if other, ok := byID[a.Name]; ok && a.Name != "" && other.Name != a.Name {
			l.problems.add(a.Source+" name", a.Name, "the AppID of the account %s: /@%s would mean both", other.whence(), a.Name)
		}
	}
}
