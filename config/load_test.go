package config

import (
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// env is an environment for a test.
type env map[string]string

// account is the least that must be set.
func account() env { return env{"WECHAT_APP_ID": "wx01", "WECHAT_APP_SECRET": "CANARYsecret"} }

// and returns e with more set.
func (e env) and(pairs ...string) env {
	e = maps.Clone(e)
	for pair := range slices.Chunk(pairs, 2) {
		e[pair[0]] = pair[1]
	}
	return e
}

func (e env) lookup(name string) (string, bool) {
	value, ok := e[name]
	return value, ok
}

func (e env) environ() []string {
	var list []string
	for name, value := range e {
		list = append(list, name+"="+value)
	}
	return list
}

// load is Load of an environment that must be good.
func (e env) load(t *testing.T) *Config {
	t.Helper()
	c, warnings, err := Load(e.lookup, e.environ())
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 {
		t.Errorf("warned: %q", warnings)
	}
	return c
}

// problems is what is wrong with an environment, one line for each, with dir
// written as DIR.
func (e env) problems(t *testing.T, dir string) []string {
	t.Helper()
	c, warnings, err := Load(e.lookup, e.environ())
	if err == nil {
		return nil
	}
	var problems Problems
	if !errors.As(err, &problems) || c != nil {
		t.Fatalf("got %v, %T: %v", c, err, err)
	}
	if strings.Contains(err.Error()+strings.Join(warnings, "\n"), "CANARY") {
		t.Errorf("a secret was printed: %v %q", err, warnings)
	}
	var list []string
	for _, p := range problems {
		line := p.String()
		if dir != "" {
			line = strings.ReplaceAll(line, dir, "DIR")
		}
		list = append(list, line)
	}
	return list
}

// write makes a file in dir and returns its name.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatHoldsWhenOnlyTheAccountIsSet(t *testing.T) {
	t.Parallel()
	c := account().load(t)
	if len(c.Accounts) != 1 || c.DefaultAccount != "default" {
		t.Fatalf("accounts: %+v", c.Accounts)
	}
	a := c.Accounts[0]
	if a.Name != "default" || a.Kind != KindOfficial || a.AppID != "wx01" || a.Secret.Reveal() != "CANARYsecret" || a.TokenAPI != TokenAPIStable || a.Source != "environment" {
		t.Errorf("account: %+v", a)
	}
	if !slices.Equal(c.Deny, standardDeny()) || c.Clients != nil {
		t.Errorf("deny %q, clients %v", c.Deny, c.Clients)
	}
	if !slices.Equal(c.Upstreams, []string{"https://api.weixin.qq.com", "https://api2.weixin.qq.com"}) || !slices.Equal(c.WeComUpstreams, []string{"https://qyapi.weixin.qq.com"}) {
		t.Errorf("upstreams %q, %q", c.Upstreams, c.WeComUpstreams)
	}
	if c.Listen != "127.0.0.1:8080" || c.AdminListen != "127.0.0.1:8081" || c.AllowAnonymous || !c.ClientKey.IsZero() || !c.AdminKey.IsZero() || c.TLS != (TLS{}) {
		t.Errorf("who may call: %+v", c)
	}
	if c.Store != (Store{Scheme: StoreMemory}) || !c.StoreKey.IsZero() || !c.StoreKeyOld.IsZero() {
		t.Errorf("store %+v", c.Store)
	}
	if c.Disclosure != DisclosePlaceholder || c.ErrorStatus != StatusHTTP || c.MaxBody != 32<<20 {
		t.Errorf("%s, %s, %d bytes", c.Disclosure, c.ErrorStatus, c.MaxBody)
	}
	if c.UpstreamTimeout != 30*time.Second || c.BreakerOpenFor != 5*time.Second || c.ShutdownGrace != 30*time.Second {
		t.Errorf("%v, %v, %v", c.UpstreamTimeout, c.BreakerOpenFor, c.ShutdownGrace)
	}
	if c.JSSDKHosts != nil || c.LogLevel != slog.LevelInfo || c.LogFormat != LogAuto || c.ConfigFile != "" || len(c.Files()) != 0 {
		t.Errorf("%q, %v, %s, %q, %q", c.JSSDKHosts, c.LogLevel, c.LogFormat, c.ConfigFile, c.Files())
	}
}

func TestEveryVariableIsRead(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("k", 32)
	c := account().and(
		"WECHAT_TOKEN_API", "legacy",
		"WECHAT_UPSTREAMS", " http://127.0.0.1:1/ , http://127.0.0.1:2,",
		"WECOM_UPSTREAMS", "http://127.0.0.1:3",
		"PROXY_LISTEN", ":80",
		"PROXY_ADMIN_LISTEN", "0.0.0.0:81",
		"PROXY_CLIENT_KEY", "client",
		"PROXY_ALLOW_ANONYMOUS", "0",
		"PROXY_ADMIN_KEY", "admin",
		"PROXY_TOKEN_STORE", "rediss://user:p%40ss@redis:6380/3?master_set=main&addr=b:1",
		"PROXY_STORE_KEY", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=, "+strings.Repeat("_", 42)+"8",
		"PROXY_TOKEN_DISCLOSURE", "real",
		"PROXY_ERROR_STATUS", "ok",
		"PROXY_MAX_BODY", "1KiB",
		"PROXY_UPSTREAM_TIMEOUT", "1s",
		"PROXY_BREAKER_OPEN_FOR", "2s",
		"PROXY_SHUTDOWN_GRACE", "1m30s",
		"PROXY_JSSDK_HOSTS", "WWW.example.com,*.example.org, www.example.com",
		"PROXY_LOG_LEVEL", "DEBUG",
		"PROXY_LOG_FORMAT", "json",
		"PROXY_CONFIG_FILE", "", // empty counts as unset
	).load(t)
	if c.Accounts[0].TokenAPI != TokenAPILegacy || !slices.Equal(c.Upstreams, []string{"http://127.0.0.1:1", "http://127.0.0.1:2"}) || !slices.Equal(c.WeComUpstreams, []string{"http://127.0.0.1:3"}) {
		t.Errorf("%s, %q, %q", c.Accounts[0].TokenAPI, c.Upstreams, c.WeComUpstreams)
	}
	if c.Listen != ":80" || c.AdminListen != "0.0.0.0:81" || c.ClientKey.Reveal() != "client" || c.AdminKey.Reveal() != "admin" || c.AllowAnonymous {
		t.Errorf("who may call: %+v", c)
	}
	if c.Store.Scheme != StoreRedis || c.Store.URL.Reveal() != "rediss://user:p%40ss@redis:6380/3?master_set=main&addr=b:1" || c.Store.Describe() != "rediss://***@redis:6380/3" {
		t.Errorf("store %s", c.Store.Describe())
	}
	if c.StoreKey.Reveal() != key || c.StoreKeyOld.Reveal() != strings.Repeat("\xff", 32) {
		t.Error("store keys")
	}
	if c.Disclosure != DiscloseReal || c.ErrorStatus != StatusOK || c.MaxBody != 1024 || c.UpstreamTimeout != time.Second || c.BreakerOpenFor != 2*time.Second || c.ShutdownGrace != 90*time.Second {
		t.Errorf("%+v", c)
	}
	if !slices.Equal(c.JSSDKHosts, []string{"www.example.com", "*.example.org"}) || c.LogLevel != slog.LevelDebug || c.LogFormat != LogJSON {
		t.Errorf("%q, %v, %s", c.JSSDKHosts, c.LogLevel, c.LogFormat)
	}
}

func TestWhatIsWrongWithTheEnvironment(t *testing.T) {
	t.Parallel()
	const base64 = "not 32 bytes in base64; make one with: openssl rand -base64 32"
	for _, row := range []struct {
		name string
		env  env
		want []string
	}{
		{"nothing is set", env{}, []string{"WECHAT_APP_ID: there is no account: set WECHAT_APP_ID and WECHAT_APP_SECRET, or name accounts in PROXY_CONFIG_FILE"}},
		{"an AppID without its secret", env{"WECHAT_APP_ID": "wx01"}, []string{"WECHAT_APP_SECRET: is not set, but WECHAT_APP_ID is; WECHAT_APP_SECRET_FILE would do as well"}},
		{"a secret without its AppID", env{"WECHAT_APP_SECRET": "CANARY"}, []string{"WECHAT_APP_ID: is not set, but its secret is"}},
		{"an AppID with a space", account().and("WECHAT_APP_ID", "wx 01"), []string{"WECHAT_APP_ID=wx 01: not an AppID: 1 to 64 letters, digits, dashes and underscores"}},
		{"a secret with a line break", account().and("WECHAT_APP_SECRET", "CANARY\n"), []string{"WECHAT_APP_SECRET: has line breaks or control characters in it, or white space at an end"}},
		{"a token API that is none", account().and("WECHAT_TOKEN_API", "new"), []string{"WECHAT_TOKEN_API=new: not one of stable, legacy"}},
		{"no upstream", account().and("WECHAT_UPSTREAMS", " , "), []string{`WECHAT_UPSTREAMS=" , ": names no base URL`}},
		{"an upstream with a password, and one twice", account().and("WECOM_UPSTREAMS", "https://me:CANARY@host/x,http://a,HTTP://A/"), []string{
			"WECOM_UPSTREAMS=https://***@host/x: a base URL has no user or password",
			"WECOM_UPSTREAMS=http://A/: named twice",
		}},
		{"an upstream with a token", account().and("WECHAT_UPSTREAMS", "https://host/x?access_token=CANARY"), []string{"WECHAT_UPSTREAMS=https://host/x: a base URL has no query and no fragment"}},
		{"an address that is none", account().and("PROXY_LISTEN", "foo", "PROXY_ADMIN_LISTEN", "127.0.0.1"), []string{
			"PROXY_LISTEN=foo: not host:port, such as 127.0.0.1:8080 or :8080",
			"PROXY_ADMIN_LISTEN=127.0.0.1: not host:port, such as 127.0.0.1:8080 or :8080",
		}},
		{"addresses that others reach", account().and("PROXY_LISTEN", ":80", "PROXY_ADMIN_LISTEN", "10.0.0.1:81"), []string{
			"PROXY_LISTEN=:80: others can reach this address, and anybody could call: set PROXY_CLIENT_KEY, name clients in PROXY_CONFIG_FILE, or set PROXY_ALLOW_ANONYMOUS=true",
			"PROXY_ADMIN_LISTEN=10.0.0.1:81: others can reach this address: set PROXY_ADMIN_KEY",
		}},
		{"an address that others reach, by intent", account().and("PROXY_LISTEN", ":80", "PROXY_ALLOW_ANONYMOUS", "true"), nil},
		{"the same address twice", account().and("PROXY_ADMIN_LISTEN", "localhost:8080", "PROXY_LISTEN", ":8080", "PROXY_CLIENT_KEY", "CANARY"), []string{"PROXY_ADMIN_LISTEN=localhost:8080: the address of PROXY_LISTEN, :8080, too"}},
		{"not a truth", account().and("PROXY_ALLOW_ANONYMOUS", "maybe"), []string{"PROXY_ALLOW_ANONYMOUS=maybe: neither true nor false"}},
		{"half of TLS", account().and("PROXY_TLS_CERT_FILE", "testdata/no.pem"), []string{
			"PROXY_TLS_CERT_FILE=testdata/no.pem: no such file or directory",
			"PROXY_TLS_KEY_FILE: is not set, but PROXY_TLS_CERT_FILE is",
		}},
		{"the other half of TLS", account().and("PROXY_TLS_KEY_FILE", "testdata"), []string{
			"PROXY_TLS_KEY_FILE: not a regular file",
			"PROXY_TLS_CERT_FILE: is not set, but PROXY_TLS_KEY_FILE is",
		}},
		{"a store that is none", account().and("PROXY_TOKEN_STORE", "sqlite:///x"), []string{"PROXY_TOKEN_STORE=sqlite:***: not memory:, file:///path/to/dir, redis://host:6379 or rediss://host:6379"}},
		{"a store key that is none", account().and("PROXY_STORE_KEY", "CANARY"), []string{"PROXY_STORE_KEY: " + base64}},
		{"a store key that is too short", account().and("PROXY_STORE_KEY", "Q0FOQVJZ"), []string{"PROXY_STORE_KEY: " + base64}},
		{"a second store key that is none", account().and("PROXY_STORE_KEY", strings.Repeat("_", 42)+"8,"), []string{"PROXY_STORE_KEY: " + base64}},
		{"three store keys", account().and("PROXY_STORE_KEY", "a,b,CANARY"), []string{"PROXY_STORE_KEY: more than two keys: the first seals, a second opens what an older one sealed"}},
		{"a store key twice", account().and("PROXY_STORE_KEY", strings.Repeat("_", 42)+"8,"+strings.Repeat("/", 42)+"8="), []string{"PROXY_STORE_KEY: the same key twice"}},
		{"words that are none of those there are", account().and("PROXY_TOKEN_DISCLOSURE", "Real", "PROXY_ERROR_STATUS", "200", "PROXY_LOG_LEVEL", "trace", "PROXY_LOG_FORMAT", "xml"), []string{
			"PROXY_TOKEN_DISCLOSURE=Real: not one of placeholder, real",
			"PROXY_ERROR_STATUS=200: not one of http, ok",
			"PROXY_LOG_FORMAT=xml: not one of auto, text, json",
			"PROXY_LOG_LEVEL=trace: not one of debug, info, warn, error",
		}},
		{"a size that is none", account().and("PROXY_MAX_BODY", "32M"), []string{"PROXY_MAX_BODY=32M: not a size such as 32MiB, 10MB, 512KiB or 4096"}},
		{"durations that are none", account().and("PROXY_UPSTREAM_TIMEOUT", "30", "PROXY_BREAKER_OPEN_FOR", "0s", "PROXY_SHUTDOWN_GRACE", "-1s"), []string{
			"PROXY_UPSTREAM_TIMEOUT=30: not a duration such as 30s, 500ms or 1m30s",
			"PROXY_BREAKER_OPEN_FOR=0s: must be above zero",
			"PROXY_SHUTDOWN_GRACE=-1s: must be above zero",
		}},
		{"a host with a scheme", account().and("PROXY_JSSDK_HOSTS", "https://a.com,*.*.com,b.com"), []string{
			"PROXY_JSSDK_HOSTS=https://a.com: not a host such as www.example.com or *.example.com, without scheme, port and path",
			"PROXY_JSSDK_HOSTS=*.*.com: not a host such as www.example.com or *.example.com, without scheme, port and path",
		}},
		{"a config file that is not there", env{"PROXY_CONFIG_FILE": "testdata/no.yaml", "PROXY_LISTEN": ":80"}, []string{"PROXY_CONFIG_FILE=testdata/no.yaml: no such file or directory"}},
		{"a value with a line break", account().and("PROXY_LISTEN", "a\nb"), []string{`PROXY_LISTEN="a\nb": not host:port, such as 127.0.0.1:8080 or :8080`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := row.env.problems(t, ""); !slices.Equal(got, row.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(row.want, "\n"))
			}
		})
	}
}

func TestOneMessageListsEverything(t *testing.T) {
	t.Parallel()
	_, _, err := Load(account().and("PROXY_LISTEN", "foo", "PROXY_MAX_BODY", "big").lookup, nil)
	const want = `2 settings are wrong:
  PROXY_LISTEN=foo: not host:port, such as 127.0.0.1:8080 or :8080
  PROXY_MAX_BODY=big: not a size such as 32MiB, 10MB, 512KiB or 4096`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, _, err = Load(account().and("PROXY_MAX_BODY", strings.Repeat("x", 1000)).lookup, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "1 setting is wrong:\n") || len(err.Error()) > 400 {
		t.Errorf("got %v", err)
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
	const redis = "a Redis URL needs a host, and a port from 1 to 65535 if any"
	for text, want := range map[string][2]string{
		"memory":                    {"memory", "not memory:, file:///path/to/dir, redis://host:6379 or rediss://host:6379"},
		"memory://x":                {"memory://x", "memory: takes nothing behind the colon"},
		"/var/lib":                  {"/var/lib", "not memory:, file:///path/to/dir, redis://host:6379 or rediss://host:6379"},
		"file://var/lib":            {"file://var/lib", "not file:///path/to/dir, with three slashes and an absolute path"},
		"file:lib":                  {"file:lib", "not file:///path/to/dir, with three slashes and an absolute path"},
		"file:///a?b":               {"file:///a?b", "not file:///path/to/dir, with three slashes and an absolute path"},
		"host:6379":                 {"host:***", "not memory:, file:///path/to/dir, redis://host:6379 or rediss://host:6379"},
		"redis:":                    {"redis:", redis},
		"redis://":                  {"redis:***", redis},
		"redis://:CANARY@":          {"redis:***", redis},
		"redis://:6379/0":           {"redis:***", redis},
		"redis://:CANARY":           {"redis:***", "not a URL; in a password write @ as %40, : as %3A, / as %2F and % as %25"},
		"redis://:12/CANARY@host":   {"redis:***", redis},
		"redis://u:p@CANARY@host:x": {"redis:***", "not a URL; in a password write @ as %40, : as %3A, / as %2F and % as %25"},
		"redis://u:%zzCANARY@host":  {"redis:***", "not a URL; in a password write @ as %40, : as %3A, / as %2F and % as %25"},
		"redis://u:CANARY@host/x":   {"redis://***@host/x", "a Redis URL has nothing but the number of a database for its path"},
		"redis://u:CANARY@host/1/2": {"redis://***@host/1/2", "a Redis URL has nothing but the number of a database for its path"},
		"redis://u:1#CANARY@host":   {"redis:***", "a Redis URL has no fragment; in a password write # as %23"},
		"redis://u:CANARY@host#x":   {"redis://***@host", "a Redis URL has no fragment; in a password write # as %23"},
		"redis://host?a=%zzCANARY":  {"redis://host", "the query of the Redis URL has a bad escape or a semicolon"},
		"CANARY@redis://host":       {"***", "not a URL; in a password write @ as %40, : as %3A, / as %2F and % as %25"},
	} {
		store, err := parseStore(text)
		if err == nil || store != (Store{}) || err.Error() != want[1] {
			t.Errorf("%s is %+v, %v; want %s", text, store, err, want[1])
		}
		if got := shownURL(text); got != want[0] {
			t.Errorf("%s is shown as %s, want %s", text, got, want[0])
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("_", 42) + "8"
	for _, row := range []struct {
		name string
		env  env
		want []string
	}{
		{"a key with nothing to seal", account().and("PROXY_STORE_KEY", key), []string{"PROXY_STORE_KEY has no effect: PROXY_TOKEN_STORE keeps tokens in memory"}},
		{"tokens that lie open", account().and("PROXY_TOKEN_STORE", "redis://:CANARY@host"), []string{"PROXY_STORE_KEY is not set: who can read redis://***@host can read the tokens"}},
		{"anonymous callers, and a key", account().and("PROXY_ALLOW_ANONYMOUS", "true", "PROXY_CLIENT_KEY", "CANARY"), []string{"PROXY_ALLOW_ANONYMOUS has no effect: there are client keys"}},
		{"misspelt variables", account().and("WECHAT_APPID", "wx", "PROXY_LISTENS", "x", "PROXY_PORT_8080_TCP", "CANARY", "WECHATX", "x", "PROXYLISTEN", "x"), []string{
			"PROXY_LISTENS is not a variable of this program. Did you mean PROXY_LISTEN?",
			"PROXY_PORT_8080_TCP is not a variable of this program",
			"WECHAT_APPID is not a variable of this program. Did you mean WECHAT_APP_ID?",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, got, err := Load(row.env.lookup, row.env.environ())
			if err != nil || !slices.Equal(got, row.want) {
				t.Errorf("got %q, %v; want %q", got, err, row.want)
			}
		})
	}
}
