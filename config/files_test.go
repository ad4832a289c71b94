package config

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestFilesThatHoldASecret(t *testing.T) {
	t.Parallel()
	const spoilt = "the file has line breaks or control characters in it, or white space at an end"
	dir := t.TempDir()
	for _, row := range []struct {
		name, holds string
		want, wrong string
	}{
		{"just the secret", "a b", "a b", ""},
		{"a line", "secret\n", "secret", ""},
		{"a line of Windows", "secret\r\n", "secret", ""},
		{"the longest", strings.Repeat("x", maxSecretFile), strings.Repeat("x", maxSecretFile), ""},
		{"nothing", "", "", "the file is empty"},
		{"an empty line", "\n", "", "the file is empty"},
		{"an empty line of Windows", "\r\n", "", "the file is empty"},
		{"two line breaks", "CANARY\n\n", "", spoilt},
		{"two lines", "CANARY\nCANARY", "", spoilt},
		{"a space before", " CANARY", "", spoilt},
		{"a carriage return", "CANARY\r", "", spoilt},
		{"a byte order mark", "\ufeffCANARY", "", spoilt},
		{"a zero byte", "CANARY\x00", "", spoilt},
		{"no text", "CANARY\xff", "", spoilt},
		{"too much", strings.Repeat("x", maxSecretFile+1), "", "longer than 64 KiB"},
	} {
		read := sums{}
		name := write(t, dir, "secret", row.holds)
		got, err := read.secret(name)
		if err == nil && row.wrong != "" || err != nil && err.Error() != row.wrong || got.Reveal() != row.want {
			t.Errorf("%s: %q, %v; want %q, %q", row.name, got.Reveal(), err, row.want, row.wrong)
		}
	}
	for name, wrong := range map[string]string{dir: "not a regular file", "/dev/null": "not a regular file", filepath.Join(dir, "none"): "no such file or directory"} {
		if _, err := (sums{}).secret(name); err == nil || err.Error() != wrong {
			t.Errorf("%s: %v, want %s", name, err, wrong)
		}
	}
}

func TestSecretsOfTheEnvironmentMayBeInFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := write(t, dir, "storekey", strings.Repeat("_", 42)+"8\n")
	e := env{
		"WECHAT_APP_ID":          "wx01",
		"WECHAT_APP_SECRET_FILE": write(t, dir, "app", "app\n"),
		"PROXY_CLIENT_KEY_FILE":  write(t, dir, "client", "client"),
		"PROXY_ADMIN_KEY_FILE":   write(t, dir, "admin", "admin"),
		"PROXY_TOKEN_STORE":      "file://" + dir,
		"PROXY_STORE_KEY_FILE":   key,
		"PROXY_LISTEN":           ":0",
		"PROXY_ADMIN_LISTEN":     ":0",
	}
	c := e.load(t)
	if c.Accounts[0].Secret.Reveal() != "app" || c.ClientKey.Reveal() != "client" || c.AdminKey.Reveal() != "admin" || c.StoreKey.Reveal() != strings.Repeat("\xff", 32) || c.Store.Dir != dir {
		t.Errorf("%+v", c)
	}
	if len(c.Files()) != 4 {
		t.Errorf("read from %q", c.Files())
	}
	write(t, dir, "storekey", "CANARY")
	got := strings.Join(e.and("WECHAT_APP_SECRET", "CANARY", "PROXY_CLIENT_KEY_FILE", "none", "PROXY_ADMIN_KEY", "CANARY").problems(t, dir), "\n")
	const want = `PROXY_CLIENT_KEY_FILE: no such file or directory
PROXY_ADMIN_KEY_FILE=DIR/admin: is set beside PROXY_ADMIN_KEY: only one can hold
PROXY_STORE_KEY_FILE=DIR/storekey: not 32 bytes in base64; make one with: openssl rand -base64 32
WECHAT_APP_SECRET_FILE=DIR/app: is set beside WECHAT_APP_SECRET: only one can hold`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
