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

// Where tokens are stored.
const (
	StoreMemory = "memory"
	StoreFile   = "file"
	StoreRedis  = "redis"
)

// Store says where tokens are stored.
type Store struct {
	Scheme string        // StoreMemory, StoreFile or StoreRedis
	Dir    string        // of a file store: an absolute path
	URL    secret.Secret // of a Redis store: redis:// or rediss://, may contain a password
}

// Describe returns the URL of the store for logs: "memory:", "file:///dir" or
// "redis://***@host:6379/0", without secrets.
func (s Store) Describe() string {
	switch s.Scheme {
	case StoreFile:
		return (&url.URL{Scheme: "file", Path: s.Dir}).String()
	case StoreRedis:
		return redactURL(s.URL.Reveal())
	default:
		return "memory:"
	}
}

var databaseForm = regexp.MustCompile(`^(/[0-9]{1,5})?$`)

// parseStore reads PROXY_TOKEN_STORE. Its errors quote no part of s.
func parseStore(s string) (Store, error) {
	u, err := url.Parse(s)
	if err != nil {
		// The error of url.Parse quotes the URL, and so the password.
		return Store{}, errors.New("invalid URL; in a password, escape @ as %40, : as %3A, / as %2F and % as %25")
	}
	switch u.Scheme {
	case "memory":
		if s != "memory:" {
			return Store{}, errors.New("memory: takes nothing after the colon")
		}
		return Store{Scheme: StoreMemory}, nil
	case "file":
		if u.Host != "" || u.User != nil || !path.IsAbs(u.Path) || strings.ContainsAny(s, "?#") {
			return Store{}, errors.New("want file:///path/to/dir, with three slashes and an absolute path")
		}
		return Store{Scheme: StoreFile, Dir: path.Clean(u.Path)}, nil
	case "redis", "rediss":
		// The client library rejects a path that is only a slash.
		if u.Path == "/" {
			u.Path = ""
		}
		_, err := url.ParseQuery(u.RawQuery)
		switch {
		case u.Hostname() == "" || !isPort(u):
			return Store{}, errors.New("invalid Redis URL: no host, or a port that is not from 1 to 65535")
		case !databaseForm.MatchString(u.Path):
			return Store{}, errors.New("invalid Redis URL: the path must be a database number, for example /0")
		case strings.Contains(s, "#"):
			return Store{}, errors.New("invalid Redis URL: fragment not allowed; in a password, escape # as %23")
		case err != nil:
			return Store{}, errors.New("invalid Redis URL: bad escape or semicolon in the query")
		}
		return Store{Scheme: StoreRedis, URL: secret.New(u.String())}, nil
	default:
		return Store{}, errors.New("want memory:, file:///path/to/dir, redis://host:6379 or rediss://host:6379")
	}
}

// storeKeyBytes is the length of an AES-256 key.
const storeKeyBytes = 32

// parseStoreKeys reads one or two keys in standard or URL-safe base64, with or
// without padding. The first encrypts and decrypts, the second only decrypts.
func parseStoreKeys(s string) (key, oldKey secret.Secret, err error) {
	if s == "" {
		return secret.Secret{}, secret.Secret{}, nil
	}
	parts := strings.Split(s, ",")
	if len(parts) > 2 {
		return secret.Secret{}, secret.Secret{}, errors.New("too many keys: the first encrypts, an optional second decrypts older records")
	}
	keys := make([]secret.Secret, 2)
	for i, part := range parts {
		part = strings.TrimRight(strings.TrimSpace(part), "=")
		part = strings.NewReplacer("-", "+", "_", "/").Replace(part)
		raw, err := base64.RawStdEncoding.DecodeString(part)
		if err != nil || len(raw) != storeKeyBytes {
			return secret.Secret{}, secret.Secret{}, errors.New("want 32 bytes in base64; generate them with: openssl rand -base64 32")
		}
		keys[i] = secret.New(string(raw))
	}
	if keys[0] == keys[1] {
		return secret.Secret{}, secret.Secret{}, errors.New("both keys are the same")
	}
	return keys[0], keys[1], nil
}

// store reads PROXY_TOKEN_STORE or PROXY_TOKEN_STORE_FILE.
func (l *loader) store() Store {
	const name = "PROXY_TOKEN_STORE"
	file := l.env.TokenStoreFile
	if file == "" {
		text := l.env.TokenStore.Reveal()
		store, err := parseStore(text)
		if err != nil {
			l.problems.add(name, redactURL(text), "%v", err)
		}
		return store
	}
	before := len(l.problems)
	set, _ := l.lookup(name) // without the default
	text := l.secret(name, secret.New(set), file)
	if len(l.problems) > before {
		return Store{}
	}
	store, err := parseStore(text.Reveal())
	if err != nil {
		l.problems.add(name+"_FILE", file, "%v", err)
	}
	return store
}

// storeKeys reads PROXY_STORE_KEY or PROXY_STORE_KEY_FILE.
func (l *loader) storeKeys() (key, oldKey secret.Secret) {
	before := len(l.problems)
	text := l.secret("PROXY_STORE_KEY", l.env.StoreKey, l.env.StoreKeyFile)
	if len(l.problems) > before {
		return secret.Secret{}, secret.Secret{}
	}
	key, oldKey, err := parseStoreKeys(text.Reveal())
	switch {
	case err != nil && l.env.StoreKeyFile != "":
		l.problems.add("PROXY_STORE_KEY_FILE", l.env.StoreKeyFile, "%v", err)
	case err != nil:
		l.problems.add("PROXY_STORE_KEY", "", "%v", err)
	}
	return key, oldKey
}
