package config

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/sethvargo/go-envconfig"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// variables is the environment as the operator wrote it. All fields are text,
// so that reading them never fails and our own checks can report everything
// that is wrong at once. The tags are the only list of variables: Help and the
// warnings about unknown variables are made from it.
type variables struct {
	AppID           string        `env:"WECHAT_APP_ID" help:"AppID of the account named default"`
	AppSecret       secret.Secret `env:"WECHAT_APP_SECRET" help:"AppSecret of that account"`
	AppSecretFile   string        `env:"WECHAT_APP_SECRET_FILE" help:"file that holds the AppSecret, instead of WECHAT_APP_SECRET"`
	TokenAPI        string        `env:"WECHAT_TOKEN_API, default=stable" help:"stable (POST /cgi-bin/stable_token) or legacy (GET /cgi-bin/token)"`
	Upstreams       string        `env:"WECHAT_UPSTREAMS, default=https://api.weixin.qq.com,https://api2.weixin.qq.com" help:"base URLs of WeChat in order of preference, separated by commas"`
	WeComUpstreams  string        `env:"WECOM_UPSTREAMS, default=https://qyapi.weixin.qq.com" help:"the same for WeCom"`
	ConfigFile      string        `env:"PROXY_CONFIG_FILE" help:"YAML file with more accounts and with clients; reloaded when it changes"`
	Listen          string        `env:"PROXY_LISTEN, default=127.0.0.1:8080" help:"address for clients"`
	AdminListen     string        `env:"PROXY_ADMIN_LISTEN, default=127.0.0.1:8081" help:"address for health, metrics and the dashboard"`
	ClientKey       secret.Secret `env:"PROXY_CLIENT_KEY" help:"one key for all clients, if the config file lists no clients"`
	ClientKeyFile   string        `env:"PROXY_CLIENT_KEY_FILE" help:"file that holds that key, instead of PROXY_CLIENT_KEY"`
	AllowAnonymous  string        `env:"PROXY_ALLOW_ANONYMOUS, default=false" help:"true: clients need no key, even if PROXY_LISTEN is not a loopback address"`
	AdminKey        secret.Secret `env:"PROXY_ADMIN_KEY" help:"key for the admin address; required if that is not a loopback address"`
	AdminKeyFile    string        `env:"PROXY_ADMIN_KEY_FILE" help:"file that holds that key, instead of PROXY_ADMIN_KEY"`
	TLSCertFile     string        `env:"PROXY_TLS_CERT_FILE" help:"TLS certificate (PEM) for PROXY_LISTEN; reloaded when it changes"`
	TLSKeyFile      string        `env:"PROXY_TLS_KEY_FILE" help:"private key (PEM) of that certificate"`
	TLSClientCAFile string        `env:"PROXY_TLS_CLIENT_CA_FILE" help:"CA certificates (PEM) that sign client certificates, for mutual TLS"`
	TokenStore      secret.Secret `env:"PROXY_TOKEN_STORE, default=memory:" help:"where tokens are stored: memory:, file:///path/to/dir, redis://… or rediss://…"`
	TokenStoreFile  string        `env:"PROXY_TOKEN_STORE_FILE" help:"file that holds that URL, for one with a password"`
	StoreKey        secret.Secret `env:"PROXY_STORE_KEY" help:"32 bytes in base64 that encrypt stored tokens; an optional second key, after a comma, decrypts older ones"`
	StoreKeyFile    string        `env:"PROXY_STORE_KEY_FILE" help:"file that holds that key, instead of PROXY_STORE_KEY"`
	TokenDisclosure string        `env:"PROXY_TOKEN_DISCLOSURE, default=placeholder" help:"what a client that requests a token gets: placeholder or real"`
	ErrorStatus     string        `env:"PROXY_ERROR_STATUS, default=http" help:"http: the proxy's own errors have their HTTP status; ok: they are HTTP 200"`
	MaxBody         string        `env:"PROXY_MAX_BODY, default=32MiB" help:"maximum size of a request body"`
	WarmConnections string        `env:"PROXY_WARM_CONNECTIONS, default=4" help:"maximum number of spare connections to each WeChat host, made ahead so that no call waits for a handshake; 0: none"`
	UpstreamTimeout string        `env:"PROXY_UPSTREAM_TIMEOUT, default=30s" help:"maximum time from the end of a request to WeChat's response header"`
	BreakerOpenFor  string        `env:"PROXY_BREAKER_OPEN_FOR, default=5s" help:"how long a circuit breaker stays open before it probes"`
	ShutdownGrace   string        `env:"PROXY_SHUTDOWN_GRACE, default=30s" help:"maximum time for calls in flight after SIGTERM"`
	JSSDKHosts      string        `env:"PROXY_JSSDK_HOSTS" help:"hosts that /-/jssdk/config signs for, separated by commas, *.example.com allowed; empty: any"`
	QuotaEvery      string        `env:"PROXY_QUOTA_EVERY, default=0s" help:"how often to query WeChat for the remaining daily quota of the most called paths, for the metrics; each query counts as a call; 0s: never"`
	LogLevel        string        `env:"PROXY_LOG_LEVEL, default=info" help:"debug, info, warn or error"`
	LogFormat       string        `env:"PROXY_LOG_FORMAT, default=auto" help:"auto (coloured text on a terminal, otherwise JSON), text or json"`
}

// readVariables fills in variables; an empty one counts as unset.
func readVariables(lookup func(string) (string, bool)) (variables, error) {
	var v variables
	err := envconfig.ProcessWith(context.Background(), &envconfig.Config{
		Target: &v,
		Lookuper: envconfig.LookuperFunc(func(name string) (string, bool) {
			value, ok := lookup(name)
			return value, ok && value != ""
		}),
	})
	return v, err
}

// variable is what the tags say about one variable.
type variable struct {
	name, defaultValue, help string
}

// knownVariables returns all variables in the order of the struct.
func knownVariables() []variable {
	t := reflect.TypeFor[variables]()
	list := make([]variable, 0, t.NumField())
	for f := range t.Fields() {
		name, defaultValue, _ := strings.Cut(f.Tag.Get("env"), ", default=")
		list = append(list, variable{name, defaultValue, f.Tag.Get("help")})
	}
	return list
}

// DefaultOf returns the default of a variable, "" if it has none.
func DefaultOf(name string) string {
	for _, v := range knownVariables() {
		if v.name == name {
			return v.defaultValue
		}
	}
	return ""
}

// Help lists the variables, each with its meaning and its default.
func Help(w io.Writer) {
	var b strings.Builder
	for _, v := range knownVariables() {
		fmt.Fprintf(&b, "  %s\n      %s\n", v.name, v.help)
		if v.defaultValue != "" {
			fmt.Fprintf(&b, "      default: %s\n", v.defaultValue)
		}
	}
	_, _ = io.WriteString(w, b.String())
}

// unknownVariables warns about variables that look like ours but are not, and
// suggests the nearest known name. They are no error because Kubernetes sets
// PROXY_PORT and others for a service named proxy.
func unknownVariables(environ []string, known []string) []string {
	var warnings []string
	for _, setting := range environ {
		name, _, _ := strings.Cut(setting, "=")
		if !strings.HasPrefix(name, "WECHAT_") && !strings.HasPrefix(name, "PROXY_") || slices.Contains(known, name) {
			continue
		}
		warnings = append(warnings, fmt.Sprintf("unknown variable %s%s", quoteIfNeeded(name), suggestion(name, known)))
	}
	slices.Sort(warnings)
	return slices.Compact(warnings)
}

// suggestion returns "; did you mean X?" with the nearest known name, or "" if
// none is close.
func suggestion(name string, known []string) string {
	best, distance := "", len(name)/3+1
	for _, k := range known {
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// editDistance counts the bytes to insert, delete or replace to get from a to
// b. It compares only the beginning of long names.
func editDistance(a, b string) int {
	const longest = 64
	a, b = a[:min(len(a), longest)], b[:min(len(b), longest)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
