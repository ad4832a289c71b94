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

// environment is the Source of the account that WECHAT_APP_ID defines, and
// defaultAccount its name.
const (
	environment    = "environment"
	defaultAccount = "default"
)

// Account is one set of WeChat credentials.
type Account struct {
	Name     string        // unique, and not the AppID of another account
	Kind     string        // KindOfficial or KindWeCom
	AppID    string        // for WeCom the corpid
	AgentID  int           // for WeCom greater than zero, otherwise 0
	Secret   secret.Secret // never zero
	TokenAPI string        // TokenAPIStable or TokenAPILegacy; for WeCom ""
	Tickets  []string      // tickets fetched at the start and kept: jsapi, wx_card, sdk; for WeCom jsapi, agent_config
	Source   string        // where it is defined: "environment" or "file:line"
}

var (
	nameForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	appIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	// envForm is stricter than the system: what does not look like the name of
	// a variable may be the secret itself and must not be quoted.
	envForm = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,127}$`)
)

const (
	nameRule   = "invalid name: use 1 to 63 letters, digits, dots, dashes and underscores, starting with a letter or digit"
	appIDRule  = "invalid AppID: use 1 to 64 letters, digits, dashes and underscores"
	corpIDRule = "invalid corpid: use 1 to 64 letters, digits, dashes and underscores"

	agentIDRule = "invalid agent ID: want a number greater than zero"
)

// ticketsOf returns the tickets that accounts of a kind have; for an unknown
// kind those of all kinds.
func ticketsOf(kind string) []string {
	switch kind {
	case KindOfficial:
		return []string{"jsapi", "wx_card", "sdk"}
	case KindWeCom:
		return []string{"jsapi", "agent_config"}
	default:
		return []string{"jsapi", "wx_card", "sdk", "agent_config"}
	}
}

// fileAccount reads an entry of accounts. It returns what it could read, even
// if that is not everything.
func (l *loader) fileAccount(entry field) Account {
	a := Account{Kind: KindOfficial, Source: entry.position()}
	f, ok := entry.fields("name", "kind", "app_id", "corp_id", "agent_id",
		"app_secret", "app_secret_file", "app_secret_env", "token_api", "tickets")
	if !ok {
		return a
	}
	a.Name = entry.required(f["name"], nameForm.MatchString, nameRule)
	kindOK := true
	if f["kind"].isSet() {
		a.Kind, kindOK = f["kind"].text()
	}
	switch a.Kind {
	case KindOfficial:
		a.AppID = entry.required(f["app_id"], appIDForm.MatchString, appIDRule)
		a.TokenAPI = l.fileTokenAPI(f["token_api"])
		onlyFor(KindWeCom, f["corp_id"], f["agent_id"])
	case KindWeCom:
		a.AppID = entry.required(f["corp_id"], appIDForm.MatchString, corpIDRule)
		a.AgentID = agentID(entry.required(f["agent_id"], isAgentID, agentIDRule))
		onlyFor(KindOfficial, f["app_id"], f["token_api"])
	default:
		if kindOK {
			reportKind(f["kind"], a.Kind)
		}
		// What is wrong whatever the kind turns out to be is reported too.
		l.checkFields(&a, f)
	}
	a.Secret = l.fileSecret(entry, f)
	a.Tickets = ticketNames(f["tickets"], ticketsOf(a.Kind))
	return a
}

func reportKind(f field, kind string) {
	switch kind {
	case "component", "authorizer":
		f.report(kind, "third-party platforms and their authorizers are not supported yet; use official or wecom")
	default:
		f.report(kind, "want one of official, wecom")
	}
}

// checkFields reads the fields of an account of an unknown kind: none of them is
// required, and those that are there must be valid.
func (l *loader) checkFields(a *Account, f map[string]field) {
	if f["corp_id"].isSet() {
		a.AppID = f["corp_id"].matching(appIDForm.MatchString, corpIDRule)
	}
	if f["app_id"].isSet() {
		a.AppID = f["app_id"].matching(appIDForm.MatchString, appIDRule)
	}
	if f["agent_id"].isSet() {
		a.AgentID = agentID(f["agent_id"].matching(isAgentID, agentIDRule))
	}
	l.fileTokenAPI(f["token_api"])
}

// required returns the text of a field inside f, which must be there and valid.
// Otherwise it reports the problem and returns "".
func (f field) required(inner field, valid func(string) bool, rule string) string {
	if !inner.isSet() {
		f.report("", "missing %s", inner.key)
		return ""
	}
	return inner.matching(valid, rule)
}

// matching returns the text of f if it is valid. Otherwise it reports the
// problem, in the words of rule, and returns "".
func (f field) matching(valid func(string) bool, rule string) string {
	text, ok := f.text()
	if !ok {
		return ""
	}
	if !valid(text) {
		f.report(text, "%s", rule)
		return ""
	}
	return text
}

// onlyFor reports fields that only accounts of another kind have.
func onlyFor(kind string, fields ...field) {
	for _, f := range fields {
		if f.isSet() {
			f.report("", "only valid with kind: %s", kind)
		}
	}
}

func isAgentID(s string) bool { return agentID(s) > 0 }

// agentID returns the number that s is, or 0.
func agentID(s string) int {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

func (l *loader) fileTokenAPI(f field) string {
	text, ok := f.text()
	if !ok {
		return l.tokenAPI
	}
	if err := oneOf(text, TokenAPIStable, TokenAPILegacy); err != nil {
		f.report(text, "%v", err)
	}
	return text
}

// ticketNames reads a list of tickets.
func ticketNames(f field, known []string) []string {
	var names []string
	for _, ticket := range f.list() {
		text, ok := ticket.text()
		switch {
		case !ok:
		case !slices.Contains(known, text):
			ticket.report(text, "no such ticket for this kind of account; want one of %s", strings.Join(known, ", "))
		case slices.Contains(names, text):
			ticket.report(text, "listed twice")
		default:
			names = append(names, text)
		}
	}
	return names
}

// fileSecret reads an account's secret, which the file gives in one of three
// ways.
func (l *loader) fileSecret(entry field, f map[string]field) secret.Secret {
	given := slices.DeleteFunc([]field{f["app_secret"], f["app_secret_file"], f["app_secret_env"]},
		func(f field) bool { return !f.isSet() })
	switch {
	case len(given) == 0:
		entry.report("", "missing app_secret, app_secret_file or app_secret_env")
		return secret.Secret{}
	case len(given) > 1:
		given[1].report("", "conflicts with %s: set only one of them", given[0].key)
		return secret.Secret{}
	}
	text, ok := given[0].text()
	if !ok {
		return secret.Secret{}
	}
	switch given[0].key {
	case "app_secret_file":
		s, _ := l.secretFile(given[0], text)
		return s
	case "app_secret_env":
		return l.envSecret(given[0], text)
	}
	if err := checkSecret(text); err != nil {
		given[0].report("", "%v", err)
	}
	return secret.New(text)
}

// envSecret reads a secret from the variable name, which the config file gives.
func (l *loader) envSecret(f field, name string) secret.Secret {
	if !envForm.MatchString(name) {
		f.report("", "invalid variable name: use capital letters, digits and underscores")
		return secret.Secret{}
	}
	l.secretEnvVars = append(l.secretEnvVars, name)
	text, _ := l.lookup(name)
	if text == "" {
		f.report(name, "this variable is not set")
	} else if err := checkSecret(text); err != nil {
		f.report(name, "the value of this variable %v", err)
	}
	return secret.New(text)
}

// definition says in a message where the account is defined.
func (a Account) definition() string {
	if a.Source == environment {
		return "of WECHAT_APP_ID"
	}
	return "at " + a.Source
}

// checkAccounts reports accounts that cannot be told apart.
func (l *loader) checkAccounts(accounts []Account) {
	names := make(map[string]Account, len(accounts))
	ids := make(map[string]Account, len(accounts))
	for _, a := range accounts {
		if other, ok := names[a.Name]; ok && a.Name != "" {
			l.problems.add(a.Source+" name", a.Name, "already the name of the account %s", other.definition())
		}
		names[a.Name] = a
		if a.AppID == "" {
			continue
		}
		// Agents of one corporation share its corpid.
		id, key, what := a.AppID, " app_id", "AppID"
		if a.Kind == KindWeCom {
			id, key, what = a.AppID+" "+strconv.Itoa(a.AgentID), " corp_id", "corpid and agent ID"
		}
		if other, ok := ids[id]; ok {
			l.problems.add(a.Source+key, a.AppID, "already the %s of the account %s", what, other.definition())
		}
		ids[id] = a
	}
	byID := make(map[string]Account, len(accounts))
	for _, a := range accounts {
		byID[a.AppID] = a
	}
	for _, a := range accounts {
		other, ok := byID[a.Name]
		switch {
		case !ok || a.Name == "" || other.Name == a.Name:
		case a.Source == environment: // its name is fixed
			l.problems.add(other.Source, "", "its AppID is also the name of the account %s, so /@%s would be ambiguous", a.definition(), a.Name)
		default:
			l.problems.add(a.Source+" name", a.Name, "also the AppID of the account %s, so /@%s would be ambiguous", other.definition(), a.Name)
		}
	}
}
