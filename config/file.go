package config

import "path/filepath"

// standardDeny is what nobody may call unless the config file says otherwise:
// what would disarm the account for everybody, or hand out its credentials.
func standardDeny() []string {
	return []string{
		"/cgi-bin/clear_quota*",
		"/cgi-bin/openapi/quota/clear",
		"/cgi-bin/openapi/rid/get",
		"/cgi-bin/component/*",
		"/tcb/usecloudaccesstoken",
	}
}

// beside returns the name of a file as the config file means it.
func (l *loader) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(l.env.ConfigFile), name)
}

// configFile reads PROXY_CONFIG_FILE into c, which has the account of the
// environment already. It reports whether all is known that the file has to say.
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

// parseFile reads what the config file holds. It reports whether it was YAML.
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
		deny.wrong("", "is empty; write [] for nothing, or leave it out for the standard list")
	} else if deny.isSet() {
		c.Deny = append([]string{}, patterns(deny.list())...)
	}
	if doc.givenUp() {
		l.problems.add(root.at(), "", "too many values, or too many problems; the rest was not read")
		return false
	}
	return true
}
