package config

import (
	"crypto/sha256"
	"encoding/hex"
)

// Client is a program that may call.
type Client struct {
	Name      string            // unique; with mutual TLS the common name of its certificate, too
	KeySHA256 [sha256.Size]byte // of its key; all zero: it has none, only its certificate
	Accounts  []string          // names; the first is its default; nil: all accounts
	Allow     []string          // patterns; nil: all but what is denied
	Deny      []string          // patterns
	Rate      float64           // calls per second; 0: no limit
	Burst     int               // how many may come at once, at least 1; 0 without a Rate
}

// HasKey reports whether the client has a key, and not its certificate alone.
func (c Client) HasKey() bool { return c.KeySHA256 != [sha256.Size]byte{} }

// fileClient reads an entry of the config file's clients. It returns what it
// understood, be it not all of it.
func (l *loader) fileClient(entry field, accounts map[string]bool) Client {
	f, ok := entry.fields("name", "key_sha256", "key_file", "accounts", "allow", "deny", "rate")
	if !ok {
		return Client{}
	}
	c := Client{
		Name:      entry.required(f["name"], nameForm.MatchString, nameRule),
		KeySHA256: l.fileKey(entry, f["key_sha256"], f["key_file"]),
		Accounts:  accountNames(f["accounts"].choice(), accounts),
		Allow:     patterns(f["allow"].choice()),
		Deny:      patterns(f["deny"].list()),
	}
	if text, ok := f["rate"].text(); ok {
		var err error
		if c.Rate, c.Burst, err = parseRate(text); err != nil {
			f["rate"].wrong(text, "%v", err)
		}
	}
	return c
}

// fileKey reads a client's key as the hash that is kept of it.
func (l *loader) fileKey(entry, hash, file field) (key [sha256.Size]byte) {
	switch {
	case hash.isSet() && file.isSet():
		file.wrong("", "is there beside key_sha256: only one can hold")
	case hash.isSet():
		text, ok := hash.text()
		raw, err := hex.DecodeString(text)
		if ok && (err != nil || copy(key[:], raw) != len(raw) || len(raw) != len(key) || key == [sha256.Size]byte{}) {
			// Perhaps it is the key itself: it must not be quoted.
			hash.wrong("", "not a SHA-256 in 64 hex digits; get one with: printf %%s \"$KEY\" | sha256sum")
		}
	case file.isSet():
		name, ok := file.text()
		if !ok {
			return key
		}
		secret, err := l.read.secret(l.beside(name))
		if err != nil {
			file.wrong(fileName(name), "%v", err)
			return key
		}
		key = sha256.Sum256([]byte(secret.Reveal()))
	case l.env.TLSClientCAFile == "":
		entry.wrong("", "has no key_sha256 or key_file; only with PROXY_TLS_CLIENT_CA_FILE a client needs none")
	}
	return key
}

// choice returns the entries of a list that means everything when it is left
// out; so an empty one could mean either, and is refused.
func (f field) choice() []field {
	list := f.list()
	if f.isNull() || list != nil && len(list) == 0 {
		f.wrong("", "is empty; leave it out for all")
	}
	return list
}

// accountNames reads the accounts a client may use, of those there are.
func accountNames(list []field, known map[string]bool) []string {
	var names []string
	seen := make(map[string]bool, len(list))
	for _, f := range list {
		name, ok := f.text()
		switch {
		case !ok:
		case !known[name]:
			f.wrong(name, "no account has this name")
		case seen[name]:
			f.wrong(name, "named twice")
		default:
			names = append(names, name)
			seen[name] = true
		}
	}
	return names
}

// patterns reads an allow or deny list.
func patterns(list []field) []string {
	var texts []string
	for _, f := range list {
		text, ok := f.text()
		if !ok {
			continue
		}
		if err := checkPattern(text); err != nil {
			f.wrong(text, "%v", err)
			continue
		}
		texts = append(texts, text)
	}
	return texts
}

// checkClients notes clients that cannot be told apart.
func (l *loader) checkClients(clients []Client, entries []field) {
	names := make(map[string]field, len(clients))
	keys := make(map[[sha256.Size]byte]string, len(clients))
	for i, c := range clients {
		if other, ok := names[c.Name]; ok && c.Name != "" {
			entries[i].wrong("", "has the name of the client at %s, %s", other.at(), c.Name)
		}
		names[c.Name] = entries[i]
		if other, ok := keys[c.KeySHA256]; ok && c.HasKey() {
			entries[i].wrong("", "has the key of the client %s", other)
		}
		keys[c.KeySHA256] = c.Name
	}
}
