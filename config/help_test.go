package config

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/help.txt anew")

func TestHelp(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	Help(&b)
	if *update {
		if err := os.WriteFile("testdata/help.txt", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/help.txt")
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("go test -update writes testdata/help.txt anew; got\n%s", b.String())
	}
}

func TestEveryVariableIsExplained(t *testing.T) {
	t.Parallel()
	defaults, err := readVariables(env{}.lookup)
	if err != nil {
		t.Fatal(err)
	}
	if defaults.TokenStore.Reveal() != "memory:" || defaults.Upstreams != "https://api.weixin.qq.com,https://api2.weixin.qq.com" {
		t.Errorf("the library reads our tags otherwise: %+v", defaults)
	}
	for _, v := range knownVariables() {
		if v.help == "" || !strings.HasPrefix(v.name, "WECHAT_") && !strings.HasPrefix(v.name, "WECOM_") && !strings.HasPrefix(v.name, "PROXY_") {
			t.Errorf("%+v", v)
		}
	}
}
