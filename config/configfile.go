package config

import (
	"path/filepath"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// defaultDeny is the deny list of a config file that has none: paths that would
// break the account for all clients or reveal its credentials.
func defaultDeny() []string {
	return []string{
		"/cgi-bin/clear_quota*",
		"/cgi-bin/openapi/quota/clear",
		"/cgi-bin/openapi/rid/get",
		"/cgi-bin/component/*",
		"/tcb/usecloudaccesstoken",
	}
}

// configDir is the directory that relative file names in the config file are
// relative to.
func (l *loader) configDir() string { return filepath.Dir(l.env.ConfigFile) }

// secretFile reads a file that f, a field of the config file, names.
func (l *loader) secretFile(f field, name string) (text secret.Secret, ok bool) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.configDir(), path)
	}
	text, err := l.read.secret(path)
	if err != nil {
		f.report(shownPath(l.configDir(), name), "%v", err)
	}
	return text, err == nil
}

// configFile reads PROXY_CONFIG_FILE into c, which already has the account of
// the environment. It reports whether the whole file could be read, so that
// nothing else in it is missing.
func (l *loader) configFile(c *Config) bool {
	name := l.env.ConfigFile
	if name == "" {
		return true
	}
	data, err := l.read.file(name, maxFile)
	if err != nil {
		l.problems.add("PROXY_CONFIG_FILE", name, "%v", err)
		return false
	}
	return l.parseFile(c, name, data)
}

// parseFile reads data, the contents of the config file, into c. It reports
// whether all of it could be read.
func (l *loader) parseFile(c *Config, name string, data []byte) bool {
	doc := &document{name: name, problems: &l.problems}
	root, ok := doc.parse(data)
	if !ok {
		return false
	}
	top, ok := root.fields("accounts", "clients", "deny")
	if !ok {
		return false
	}
	for _, entry := range top["accounts"].list() {
		c.Accounts = append(c.Accounts, l.fileAccount(entry))
	}
	l.checkAccounts(c.Accounts)
	names := make(map[string]bool, len(c.Accounts))
	for _, a := range c.Accounts {
		names[a.Name] = true
	}
	entries := top["clients"].list()
	for _, entry := range entries {
		c.Clients = append(c.Clients, l.fileClient(entry, names))
	}
	l.checkClients(c.Clients, entries)
	if deny := top["deny"]; deny.isNull() {
		deny.report("", "is empty; use [] to deny nothing, or omit it for the default list")
	} else if deny.isSet() {
		c.Deny = append([]string{}, patterns(deny.list())...)
	}
	if doc.overLimit() {
		l.problems.add(root.position(), "", "too many values or problems; the rest of the file was not read")
		return false
	}
	return true
}
