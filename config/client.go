package config

import (
	"crypto/sha256"
	"encoding/hex"
)

// Client is a program that may call the proxy.
type Client struct {
	Name      string            // unique; with mutual TLS also the common name of its certificate
	KeySHA256 [sha256.Size]byte // SHA-256 of its key; all zero: it has only a certificate
	Accounts  []string          // names; the first is its default; nil: all accounts
	Allow     []string          // patterns; nil: everything that is not denied
	Deny      []string          // patterns
	Rate      float64           // calls per second; 0: no limit
	Burst     int               // calls at once, at least 1; 0 without a Rate
}

// HasKey reports whether the client has a key, and not only a certificate.
func (c Client) HasKey() bool { return c.KeySHA256 != [sha256.Size]byte{} }

// fileClient reads an entry of clients. It returns what it could read, even if
// that is not everything.
func (l *loader) fileClient(entry field, accounts map[string]bool) Client {
	f, ok := entry.fields("name", "key_sha256", "key_file", "accounts", "allow", "deny", "rate")
	if !ok {
		return Client{}
	}
	c := Client{
		Name:      entry.required(f["name"], nameForm.MatchString, nameRule),
		KeySHA256: l.fileKey(entry, f["key_sha256"], f["key_file"]),
		Accounts:  accountNames(f["accounts"].nonEmptyList(), accounts),
		Allow:     patterns(f["allow"].nonEmptyList()),
		Deny:      patterns(f["deny"].list()),
	}
	if text, ok := f["rate"].text(); ok {
		var err error
		if c.Rate, c.Burst, err = parseRate(text); err != nil {
			f["rate"].report(text, "%v", err)
		}
	}
	return c
}

// fileKey returns the hash of a client's key, which is all that is kept of it.
func (l *loader) fileKey(entry, hash, file field) (key [sha256.Size]byte) {
	switch {
	case hash.isSet() && file.isSet():
		file.report("", "conflicts with key_sha256: set only one of them")
	case hash.isSet():
		text, ok := hash.text()
		raw, err := hex.DecodeString(text)
		if ok && (err != nil || copy(key[:], raw) != len(raw) || len(raw) != len(key) || key == [sha256.Size]byte{}) {
			// It may be the key itself, so it is not quoted.
			hash.report("", "want a SHA-256 hash of 64 hex digits; get it with: printf %%s \"$KEY\" | sha256sum")
		}
	case file.isSet():
		name, ok := file.text()
		if !ok {
			return key
		}
		if s, ok := l.secretFile(file, name); ok {
			key = sha256.Sum256([]byte(s.Reveal()))
		}
	case l.env.TLSClientCAFile == "":
		entry.report("", "missing key_sha256 or key_file; only with PROXY_TLS_CLIENT_CA_FILE they are optional")
	}
	return key
}

// nonEmptyList returns the entries of a list that means everything when it is
// omitted. An empty one could mean everything or nothing, so it is an error.
func (f field) nonEmptyList() []field {
	list := f.list()
	if f.isNull() || list != nil && len(list) == 0 {
		f.report("", "is empty; omit it to allow all")
	}
	return list
}

// accountNames reads the accounts that a client may use. known has the names
// of all accounts.
func accountNames(list []field, known map[string]bool) []string {
	var names []string
	seen := make(map[string]bool, len(list))
	for _, f := range list {
		name, ok := f.text()
		switch {
		case !ok:
		case !known[name]:
			f.report(name, "no account has this name")
		case seen[name]:
			f.report(name, "listed twice")
		default:
			names = append(names, name)
			seen[name] = true
		}
	}
	return names
}

// checkClients reports clients that cannot be told apart.
func (l *loader) checkClients(clients []Client, entries []field) {
	names := make(map[string]field, len(clients))
	keys := make(map[[sha256.Size]byte]string, len(clients))
	for i, c := range clients {
		if other, ok := names[c.Name]; ok && c.Name != "" {
			entries[i].report("", "%s is already the name of the client at %s", c.Name, other.position())
		}
		names[c.Name] = entries[i]
		if other, ok := keys[c.KeySHA256]; ok && c.HasKey() {
			entries[i].report("", "has the same key as client %s", other)
		}
		keys[c.KeySHA256] = c.Name
	}
}
