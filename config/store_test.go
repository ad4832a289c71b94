package config

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestStoreURLFromAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "store")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := account().and("PROXY_TOKEN_STORE_FILE", file, "PROXY_STORE_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	write("redis://:CANARYpassword@cache:6379/1\n")
	c := e.load(t)
	if c.Store.URL.Reveal() != "redis://:CANARYpassword@cache:6379/1" || c.Store.Describe() != "redis://***@cache:6379/1" {
		t.Errorf("%+v", c.Store)
	}
	if !slices.Contains(c.Files(), file) {
		t.Errorf("files: %q", c.Files())
	}
	if got := e.and("PROXY_TOKEN_STORE", "memory:").problems(t, dir); len(got) != 1 {
		t.Errorf("both: %q", got)
	}
	write("CANARYnonsense")
	if got := e.problems(t, dir); len(got) != 1 {
		t.Errorf("nonsense: %q", got)
	}
}

func TestStores(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"memory:":                    "memory:",
		"file:///var/lib/wtp/":       "file:///var/lib/wtp",
		"file:///a%20b":              "file:///a%20b",
		"redis://host":               "redis://host",
		"redis://host:6379/":         "redis://host:6379",
		"redis://:pass@host:6379/15": "redis://***@host:6379/15",
		"rediss://user:p%2F%40@[::1]:1?addr=other:2": "rediss://***@[::1]:1",
	} {
		store, err := parseStore(text)
		if err != nil || store.Describe() != want {
			t.Errorf("%s is %s, %v; want %s", text, store.Describe(), err, want)
		}
	}
	const redis = "invalid Redis URL: no host, or a port that is not from 1 to 65535"
	for text, want := range map[string][2]string{
		"memory":                    {"memory", "want memory:, file:///path/to/dir, redis://host:6379 or rediss://host:6379"},
		"memory://x":                {"memory://x", "memory: takes nothing after the colon"},
		"/var/lib":                  {"/var/lib", "want memory:, file:///path/to/dir, redis://host:6379 or rediss://host:6379"},
		"file://var/lib":            {"file://var/lib", "want file:///path/to/dir, with three slashes and an absolute path"},
		"file:lib":                  {"file:lib", "want file:///path/to/dir, with three slashes and an absolute path"},
		"file:///a?b":               {"file:///a?b", "want file:///path/to/dir, with three slashes and an absolute path"},
		"host:6379":                 {"host:***", "want memory:, file:///path/to/dir, redis://host:6379 or rediss://host:6379"},
		"redis:":                    {"redis:", redis},
		"redis://":                  {"redis:***", redis},
		"redis://:CANARY@":          {"redis:***", redis},
		"redis://:6379/0":           {"redis:***", redis},
		"redis://:CANARY":           {"redis:***", "invalid URL; in a password, escape @ as %40, : as %3A, / as %2F and % as %25"},
		"redis://:12/CANARY@host":   {"redis:***", redis},
		"redis://u:p@CANARY@host:x": {"redis:***", "invalid URL; in a password, escape @ as %40, : as %3A, / as %2F and % as %25"},
		"redis://u:%zzCANARY@host":  {"redis:***", "invalid URL; in a password, escape @ as %40, : as %3A, / as %2F and % as %25"},
		"redis://u:CANARY@host/x":   {"redis://***@host/x", "invalid Redis URL: the path must be a database number, for example /0"},
		"redis://u:CANARY@host/1/2": {"redis://***@host/1/2", "invalid Redis URL: the path must be a database number, for example /0"},
		"redis://u:1#CANARY@host":   {"redis:***", "invalid Redis URL: fragment not allowed; in a password, escape # as %23"},
		"redis://u:CANARY@host#x":   {"redis://***@host", "invalid Redis URL: fragment not allowed; in a password, escape # as %23"},
		"redis://host?a=%zzCANARY":  {"redis://host", "invalid Redis URL: bad escape or semicolon in the query"},
		"CANARY@redis://host":       {"***", "invalid URL; in a password, escape @ as %40, : as %3A, / as %2F and % as %25"},
	} {
		store, err := parseStore(text)
		if err == nil || store != (Store{}) || err.Error() != want[1] {
			t.Errorf("%s is %+v, %v; want %s", text, store, err, want[1])
		}
		if got := redactURL(text); got != want[0] {
			t.Errorf("%s is shown as %s, want %s", text, got, want[0])
		}
	}
}
