package config

import (
	"encoding/base64"
	"errors"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// The places where tokens are kept.
const (
	StoreMemory = "memory"
	StoreFile   = "file"
	StoreRedis  = "redis"
)

// Store is where tokens are kept.
type Store struct {
	Scheme string        // StoreMemory, StoreFile or StoreRedis
	Dir    string        // of a file store: absolute
	URL    secret.Secret // of a Redis store: redis:// or rediss://, perhaps with a password
}

// Describe returns the store for logs: "memory:", "file:///dir" or
// "redis://***@host:6379/0", with no secret in it.
func (s Store) Describe() string {
	switch s.Scheme {
	case StoreFile:
		return (&url.URL{Scheme: "file", Path: s.Dir}).String()
	case StoreRedis:
		return shownURL(s.URL.Reveal())
	default:
		return "memory:"
	}
}

var databaseForm = regexp.MustCompile(`^(/[0-9]{1,5})?$`)

// parseStore reads PROXY_TOKEN_STORE. Its errors quote nothing of it.
func parseStore(s string) (Store, error) {
	u, err := url.Parse(s)
	if err != nil {
		// The parser's own words hold the URL, and with it the password.
		return Store{}, errors.New("not a URL; in a password write @ as %40, : as %3A, / as %2F and % as %25")
	}
	switch u.Scheme {
	case "memory":
		if s != "memory:" {
			return Store{}, errors.New("memory: takes nothing behind the colon")
		}
		return Store{Scheme: StoreMemory}, nil
	case "file":
		if u.Host != "" || u.User != nil || !path.IsAbs(u.Path) || strings.ContainsAny(s, "?#") {
			return Store{}, errors.New("not file:///path/to/dir, with three slashes and an absolute path")
		}
		return Store{Scheme: StoreFile, Dir: path.Clean(u.Path)}, nil
	case "redis", "rediss":
		// The client library stumbles over a lone slash.
		if u.Path == "/" {
			u.Path = ""
		}
		_, err := url.ParseQuery(u.RawQuery)
		switch {
		case u.Hostname() == "" || !isPort(u):
			return Store{}, errors.New("a Redis URL needs a host, and a port from 1 to 65535 if any")
		case !databaseForm.MatchString(u.Path):
			return Store{}, errors.New("a Redis URL has nothing but the number of a database for its path")
		case strings.Contains(s, "#"):
			return Store{}, errors.New("a Redis URL has no fragment; in a password write # as %23")
		case err != nil:
			return Store{}, errors.New("the query of the Redis URL has a bad escape or a semicolon")
		}
		return Store{Scheme: StoreRedis, URL: secret.New(u.String())}, nil
	default:
		return Store{}, errors.New("not memory:, file:///path/to/dir, redis://host:6379 or rediss://host:6379")
	}
}

// storeKeyBytes is the length of a key of AES-256.
const storeKeyBytes = 32

// parseStoreKeys reads one key or two, in base64 of either alphabet, with or
// without padding: the first seals and opens, the second opens only.
func parseStoreKeys(s string) (seals, opens secret.Secret, err error) {
	if s == "" {
		return secret.Secret{}, secret.Secret{}, nil
	}
	parts := strings.Split(s, ",")
	if len(parts) > 2 {
		return secret.Secret{}, secret.Secret{}, errors.New("more than two keys: the first seals, a second opens what an older one sealed")
	}
	keys := make([]secret.Secret, 2)
	for i, part := range parts {
		part = strings.TrimRight(strings.TrimSpace(part), "=")
		part = strings.NewReplacer("-", "+", "_", "/").Replace(part)
		raw, err := base64.RawStdEncoding.DecodeString(part)
		if err != nil || len(raw) != storeKeyBytes {
			return secret.Secret{}, secret.Secret{}, errors.New("not 32 bytes in base64; make one with: openssl rand -base64 32")
		}
		keys[i] = secret.New(string(raw))
	}
	if keys[0] == keys[1] {
		return secret.Secret{}, secret.Secret{}, errors.New("the same key twice")
	}
	return keys[0], keys[1], nil
}

func (l *loader) store() Store {
	name, said := "PROXY_TOKEN_STORE", l.env.TokenStore
	if file := l.env.TokenStoreFile; file != "" {
		before := len(l.problems)
		set, _ := l.lookup(name) // not the default
		said = l.secret(name, secret.New(set), file)
		if name += "_FILE"; len(l.problems) > before {
			return Store{}
		}
	}
	text := said.Reveal()
	store, err := parseStore(text)
	switch {
	case err != nil && l.env.TokenStoreFile != "":
		l.problems.add(name, l.env.TokenStoreFile, "%v", err)
	case err != nil:
		l.problems.add(name, shownURL(text), "%v", err)
	}
	return store
}

func (l *loader) storeKeys() (seals, opens secret.Secret) {
	before := len(l.problems)
	text := l.secret("PROXY_STORE_KEY", l.env.StoreKey, l.env.StoreKeyFile)
	if len(l.problems) > before {
		return secret.Secret{}, secret.Secret{}
	}
	seals, opens, err := parseStoreKeys(text.Reveal())
	switch {
	case err != nil && l.env.StoreKeyFile != "":
		l.problems.add("PROXY_STORE_KEY_FILE", l.env.StoreKeyFile, "%v", err)
	case err != nil:
		l.problems.add("PROXY_STORE_KEY", "", "%v", err)
	}
	return seals, opens
}
