package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretFile(t *testing.T) {
	t.Parallel()
	const invalid = "the file contains a line break, a control character, a byte order mark, or white space at the start or end"
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
		{"two line breaks", "CANARY\n\n", "", invalid},
		{"two lines", "CANARY\nCANARY", "", invalid},
		{"a space before", " CANARY", "", invalid},
		{"a carriage return", "CANARY\r", "", invalid},
		{"a byte order mark", "\ufeffCANARY", "", invalid},
		{"a zero byte", "CANARY\x00", "", invalid},
		{"no text", "CANARY\xff", "", invalid},
		{"too much", strings.Repeat("x", maxSecretFile+1), "", "larger than 64 KiB"},
	} {
		read := fileHashes{}
		name := write(t, dir, "secret", row.holds)
		got, err := read.secret(name)
		if err == nil && row.wrong != "" || err != nil && err.Error() != row.wrong || got.Reveal() != row.want {
			t.Errorf("%s: %q, %v; want %q, %q", row.name, got.Reveal(), err, row.want, row.wrong)
		}
	}
	for name, wrong := range map[string]string{dir: "not a regular file", "/dev/null": "not a regular file", filepath.Join(dir, "none"): "no such file or directory"} {
		if _, err := (fileHashes{}).secret(name); err == nil || err.Error() != wrong {
			t.Errorf("%s: %v, want %s", name, err, wrong)
		}
	}
}

func TestSecretsOfTheEnvironmentFromFiles(t *testing.T) {
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
PROXY_ADMIN_KEY_FILE=DIR/admin: conflicts with PROXY_ADMIN_KEY: set only one of them
PROXY_STORE_KEY_FILE=DIR/storekey: want 32 bytes in base64; generate them with: openssl rand -base64 32
WECHAT_APP_SECRET_FILE=DIR/app: conflicts with WECHAT_APP_SECRET: set only one of them`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSecretInPlaceOfAFileNameIsNotQuoted(t *testing.T) {
	t.Parallel()
	for _, pasted := range []string{"CANARY6f1ed002ab5595859014ebf0951522d9", "CANARYshort", "/CANARY/6f1e", "-----BEGIN\nCANARY.key\n"} {
		e := env{"WECHAT_APP_ID": "wx01", "WECHAT_APP_SECRET_FILE": pasted, "PROXY_TLS_CERT_FILE": "testdata/secret.txt", "PROXY_TLS_KEY_FILE": pasted}
		if got := e.problems(t, t.TempDir()); len(got) != 2 {
			t.Errorf("%q", got)
		}
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, shown := range map[string]string{
		"/run/wtp-secrets/shop":              "=/run/wtp-secrets/shop",
		"/no/such/dir/shop2":                 "=/no/such/dir/shop2",
		"secrets/shop":                       "=secrets/shop",
		"../secrets/shop-key":                "=../secrets/shop-key",
		"SHOP.txt":                           "=SHOP.txt",
		"DIR/SHOP":                           "=DIR/SHOP",
		"DIR/None/SHOP":                      "=DIR/None/SHOP",
		"here/SHOP":                          "=here/SHOP",
		"shop":                               "",
		"/SHOP":                              "",
		"0b2c6f1ed002ab5595859014ebf0951522": "",
		"None/SHOP":                          "",
		"/aB3+9/x0Q==":                       "",
		"kqPzWm7tFvXy2Lr9/nBcDsGhJ4aEu":      "",
	} {
		if err := os.MkdirAll(filepath.Join(dir, "here"), 0o700); err != nil {
			t.Fatal(err)
		}
		name = strings.ReplaceAll(name, "DIR", dir)
		file := write(t, dir, "f.yaml", "accounts: [{name: a, app_id: wx1, app_secret_file: '"+name+"'}]\nclients: [{name: a, key_file: '"+name+"'}]\n")
		got := strings.Join(env{"PROXY_CONFIG_FILE": file}.problems(t, dir), "\n")
		want := "DIR/f.yaml:1 app_secret_file" + shown + ": no such file or directory\nDIR/f.yaml:2 key_file" + shown + ": no such file or directory"
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
