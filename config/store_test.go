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

func TestASecretInThePlaceOfAFileIsNotQuoted(t *testing.T) {
	t.Parallel()
	for _, pasted := range []string{"CANARY6f1ed002ab5595859014ebf0951522d9", "CANARYshort", "/CANARY/6f1e", "-----BEGIN\nCANARY.key\n"} {
		e := env{"WECHAT_APP_ID": "wx01", "WECHAT_APP_SECRET_FILE": pasted, "PROXY_TLS_CERT_FILE": "testdata/secret.txt", "PROXY_TLS_KEY_FILE": pasted}
		if got := e.problems(t, t.TempDir()); len(got) != 2 {
			t.Errorf("%q", got)
		}
	}
}
