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

// env is the environment of a test.
type env map[string]string

// account returns the required settings.
func account() env { return env{"WECHAT_APP_ID": "wx01", "WECHAT_APP_SECRET": "CANARYsecret"} }

// and returns e with more variables.
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

// load is Load for a valid environment.
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

// problems returns the problems of an environment, one line each, with dir
// replaced by DIR.
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

// write writes a file in dir and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c := account().load(t)
	if len(c.Accounts) != 1 || c.DefaultAccount != "default" {
		t.Fatalf("accounts: %+v", c.Accounts)
	}
	a := c.Accounts[0]
	if a.Name != "default" || a.Kind != KindOfficial || a.AppID != "wx01" || a.Secret.Reveal() != "CANARYsecret" || a.TokenAPI != TokenAPIStable || a.Source != "environment" {
		t.Errorf("account: %+v", a)
	}
	if !slices.Equal(c.Deny, defaultDeny()) || c.Clients != nil {
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
	if c.Disclosure != DisclosePlaceholder || c.ErrorStatus != StatusHTTP || c.MaxBody != 32<<20 || c.WarmConnections != 4 {
		t.Errorf("%s, %s, %d bytes, %d connections", c.Disclosure, c.ErrorStatus, c.MaxBody, c.WarmConnections)
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
		"PROXY_WARM_CONNECTIONS", "0",
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
	if c.Disclosure != DiscloseReal || c.ErrorStatus != StatusOK || c.MaxBody != 1024 || c.WarmConnections != 0 || c.UpstreamTimeout != time.Second || c.BreakerOpenFor != 2*time.Second || c.ShutdownGrace != 90*time.Second {
		t.Errorf("%+v", c)
	}
	if !slices.Equal(c.JSSDKHosts, []string{"www.example.com", "*.example.org"}) || c.LogLevel != slog.LevelDebug || c.LogFormat != LogJSON {
		t.Errorf("%q, %v, %s", c.JSSDKHosts, c.LogLevel, c.LogFormat)
	}
}

func TestEnvironmentProblems(t *testing.T) {
	t.Parallel()
	const base64 = "want 32 bytes in base64; generate them with: openssl rand -base64 32"
	for _, row := range []struct {
		name string
		env  env
		want []string
	}{
		{"nothing is set", env{}, []string{"WECHAT_APP_ID: no account configured: set WECHAT_APP_ID and WECHAT_APP_SECRET, or list accounts in PROXY_CONFIG_FILE"}},
		{"an AppID without its secret", env{"WECHAT_APP_ID": "wx01"}, []string{"WECHAT_APP_SECRET: required with WECHAT_APP_ID; or set WECHAT_APP_SECRET_FILE"}},
		{"a secret without its AppID", env{"WECHAT_APP_SECRET": "CANARY"}, []string{"WECHAT_APP_ID: required with WECHAT_APP_SECRET"}},
		{"an AppID with a space", account().and("WECHAT_APP_ID", "wx 01"), []string{"WECHAT_APP_ID=wx 01: invalid AppID: use 1 to 64 letters, digits, dashes and underscores"}},
		{"a secret with a line break", account().and("WECHAT_APP_SECRET", "CANARY\n"), []string{"WECHAT_APP_SECRET: contains a line break, a control character, a byte order mark, or white space at the start or end"}},
		{"an invalid token API", account().and("WECHAT_TOKEN_API", "new"), []string{"WECHAT_TOKEN_API=new: want one of stable, legacy"}},
		{"no upstream", account().and("WECHAT_UPSTREAMS", " , "), []string{`WECHAT_UPSTREAMS=" , ": want at least one base URL`}},
		{"an upstream with a password, and one twice", account().and("WECOM_UPSTREAMS", "https://me:CANARY@host/x,http://a,HTTP://A/"), []string{
			"WECOM_UPSTREAMS=https://***@host/x: URL must not contain a user or password",
			"WECOM_UPSTREAMS=http://A/: listed twice",
		}},
		{"an upstream with a token", account().and("WECHAT_UPSTREAMS", "https://host/x?access_token=CANARY"), []string{"WECHAT_UPSTREAMS=https://host/x: URL must not contain a query or fragment"}},
		{"invalid addresses", account().and("PROXY_LISTEN", "foo", "PROXY_ADMIN_LISTEN", "127.0.0.1"), []string{
			"PROXY_LISTEN=foo: want host:port, for example 127.0.0.1:8080 or :8080",
			"PROXY_ADMIN_LISTEN=127.0.0.1: want host:port, for example 127.0.0.1:8080 or :8080",
		}},
		{"public addresses", account().and("PROXY_LISTEN", ":80", "PROXY_ADMIN_LISTEN", "10.0.0.1:81"), []string{
			"PROXY_LISTEN=:80: not a loopback address, and clients need no key: set PROXY_CLIENT_KEY, list clients in PROXY_CONFIG_FILE, or set PROXY_ALLOW_ANONYMOUS=true",
			"PROXY_ADMIN_LISTEN=10.0.0.1:81: not a loopback address: set PROXY_ADMIN_KEY",
		}},
		{"a public address on purpose", account().and("PROXY_LISTEN", ":80", "PROXY_ALLOW_ANONYMOUS", "true"), nil},
		{"the same address twice", account().and("PROXY_ADMIN_LISTEN", "localhost:8080", "PROXY_LISTEN", ":8080", "PROXY_CLIENT_KEY", "CANARY"), []string{"PROXY_ADMIN_LISTEN=localhost:8080: conflicts with PROXY_LISTEN=:8080"}},
		{"an invalid boolean", account().and("PROXY_ALLOW_ANONYMOUS", "maybe"), []string{"PROXY_ALLOW_ANONYMOUS=maybe: want true or false"}},
		{"half of TLS", account().and("PROXY_TLS_CERT_FILE", "testdata/no.pem"), []string{
			"PROXY_TLS_CERT_FILE=testdata/no.pem: no such file or directory",
			"PROXY_TLS_KEY_FILE: required with PROXY_TLS_CERT_FILE",
		}},
		{"the other half of TLS", account().and("PROXY_TLS_KEY_FILE", "testdata"), []string{
			"PROXY_TLS_KEY_FILE: not a regular file",
			"PROXY_TLS_CERT_FILE: required with PROXY_TLS_KEY_FILE",
		}},
		{"an invalid store", account().and("PROXY_TOKEN_STORE", "sqlite:///x"), []string{"PROXY_TOKEN_STORE=sqlite:***: want memory:, file:///path/to/dir, redis://host:6379 or rediss://host:6379"}},
		{"an invalid store key", account().and("PROXY_STORE_KEY", "CANARY"), []string{"PROXY_STORE_KEY: " + base64}},
		{"a store key that is too short", account().and("PROXY_STORE_KEY", "Q0FOQVJZ"), []string{"PROXY_STORE_KEY: " + base64}},
		{"an invalid second store key", account().and("PROXY_STORE_KEY", strings.Repeat("_", 42)+"8,"), []string{"PROXY_STORE_KEY: " + base64}},
		{"three store keys", account().and("PROXY_STORE_KEY", "a,b,CANARY"), []string{"PROXY_STORE_KEY: too many keys: the first encrypts, an optional second decrypts older records"}},
		{"a store key twice", account().and("PROXY_STORE_KEY", strings.Repeat("_", 42)+"8,"+strings.Repeat("/", 42)+"8="), []string{"PROXY_STORE_KEY: both keys are the same"}},
		{"invalid choices", account().and("PROXY_TOKEN_DISCLOSURE", "Real", "PROXY_ERROR_STATUS", "200", "PROXY_LOG_LEVEL", "trace", "PROXY_LOG_FORMAT", "xml"), []string{
			"PROXY_TOKEN_DISCLOSURE=Real: want one of placeholder, real",
			"PROXY_ERROR_STATUS=200: want one of http, ok",
			"PROXY_LOG_FORMAT=xml: want one of auto, text, json",
			"PROXY_LOG_LEVEL=trace: want one of debug, info, warn, error",
		}},
		{"an invalid size", account().and("PROXY_MAX_BODY", "32M"), []string{"PROXY_MAX_BODY=32M: want a size, for example 32MiB, 10MB, 512KiB or 4096"}},
		{"no number", account().and("PROXY_WARM_CONNECTIONS", "many"), []string{"PROXY_WARM_CONNECTIONS=many: want a number from 0 to 512"}},
		{"a number below zero", account().and("PROXY_WARM_CONNECTIONS", "-1"), []string{"PROXY_WARM_CONNECTIONS=-1: want a number from 0 to 512"}},
		{"too large a number", account().and("PROXY_WARM_CONNECTIONS", "513"), []string{"PROXY_WARM_CONNECTIONS=513: want a number from 0 to 512"}},
		{"invalid durations", account().and("PROXY_UPSTREAM_TIMEOUT", "30", "PROXY_BREAKER_OPEN_FOR", "0s", "PROXY_SHUTDOWN_GRACE", "-1s"), []string{
			"PROXY_UPSTREAM_TIMEOUT=30: want a duration, for example 30s, 500ms or 1m30s",
			"PROXY_BREAKER_OPEN_FOR=0s: must be greater than zero",
			"PROXY_SHUTDOWN_GRACE=-1s: must be greater than zero",
		}},
		{"a host with a scheme", account().and("PROXY_JSSDK_HOSTS", "https://a.com,*.*.com,b.com"), []string{
			"PROXY_JSSDK_HOSTS=https://a.com: want a host name without scheme, port or path, for example www.example.com or *.example.com",
			"PROXY_JSSDK_HOSTS=*.*.com: want a host name without scheme, port or path, for example www.example.com or *.example.com",
		}},
		{"a config file that is not there", env{"PROXY_CONFIG_FILE": "testdata/no.yaml", "PROXY_LISTEN": ":80"}, []string{"PROXY_CONFIG_FILE=testdata/no.yaml: no such file or directory"}},
		{"a value with a line break", account().and("PROXY_LISTEN", "a\nb"), []string{`PROXY_LISTEN="a\nb": want host:port, for example 127.0.0.1:8080 or :8080`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := row.env.problems(t, ""); !slices.Equal(got, row.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(row.want, "\n"))
			}
		})
	}
}

func TestOneMessageListsAllProblems(t *testing.T) {
	t.Parallel()
	_, _, err := Load(account().and("PROXY_LISTEN", "foo", "PROXY_MAX_BODY", "big").lookup, nil)
	const want = `2 invalid settings:
  PROXY_LISTEN=foo: want host:port, for example 127.0.0.1:8080 or :8080
  PROXY_MAX_BODY=big: want a size, for example 32MiB, 10MB, 512KiB or 4096`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, _, err = Load(account().and("PROXY_MAX_BODY", strings.Repeat("x", 1000)).lookup, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "1 invalid setting:\n") || len(err.Error()) > 400 {
		t.Errorf("got %v", err)
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
		{"a store key for the memory store", account().and("PROXY_STORE_KEY", key), []string{"PROXY_STORE_KEY has no effect: PROXY_TOKEN_STORE keeps tokens in memory"}},
		{"unencrypted tokens", account().and("PROXY_TOKEN_STORE", "redis://:CANARY@host"), []string{"PROXY_STORE_KEY is not set: tokens are stored unencrypted in redis://***@host"}},
		{"anonymous callers, and a key", account().and("PROXY_ALLOW_ANONYMOUS", "true", "PROXY_CLIENT_KEY", "CANARY"), []string{"PROXY_ALLOW_ANONYMOUS has no effect: client keys are configured"}},
		{"misspelt variables", account().and("WECHAT_APPID", "wx", "PROXY_LISTENS", "x", "PROXY_PORT_8080_TCP", "CANARY", "WECHATX", "x", "PROXYLISTEN", "x"), []string{
			"unknown variable PROXY_LISTENS; did you mean PROXY_LISTEN?",
			"unknown variable PROXY_PORT_8080_TCP",
			"unknown variable WECHAT_APPID; did you mean WECHAT_APP_ID?",
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
