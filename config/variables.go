package config

import (
	"context"
	"reflect"
	"strings"

	"github.com/sethvargo/go-envconfig"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// variables is the environment as the operator wrote it. All fields are text,
// so that reading them never fails and everything that is wrong is found by our
// own checks, at once. The tags are the one list of variables there is: Help
// and the warnings about unknown ones are made from it.
type variables struct {
	AppID           string        `env:"WECHAT_APP_ID" help:"AppID of the account named default"`
	AppSecret       secret.Secret `env:"WECHAT_APP_SECRET" help:"its AppSecret"`
	AppSecretFile   string        `env:"WECHAT_APP_SECRET_FILE" help:"a file that holds the AppSecret instead"`
	TokenAPI        string        `env:"WECHAT_TOKEN_API, default=stable" help:"stable (POST /cgi-bin/stable_token) or legacy (GET /cgi-bin/token)"`
	Upstreams       string        `env:"WECHAT_UPSTREAMS, default=https://api.weixin.qq.com,https://api2.weixin.qq.com" help:"WeChat's base URLs in order of preference, with commas between"`
	WeComUpstreams  string        `env:"WECOM_UPSTREAMS, default=https://qyapi.weixin.qq.com" help:"the same for WeCom"`
	ConfigFile      string        `env:"PROXY_CONFIG_FILE" help:"a YAML file with more accounts and with clients; read again when it changes"`
	Listen          string        `env:"PROXY_LISTEN, default=127.0.0.1:8080" help:"where clients call"`
	AdminListen     string        `env:"PROXY_ADMIN_LISTEN, default=127.0.0.1:8081" help:"health, metrics and dashboard"`
	ClientKey       secret.Secret `env:"PROXY_CLIENT_KEY" help:"one key for all clients, where no config file names them"`
	ClientKeyFile   string        `env:"PROXY_CLIENT_KEY_FILE" help:"a file that holds that key instead"`
	AllowAnonymous  string        `env:"PROXY_ALLOW_ANONYMOUS, default=false" help:"true: clients without a key may call even when PROXY_LISTEN is not loopback"`
	AdminKey        secret.Secret `env:"PROXY_ADMIN_KEY" help:"the key of the admin address, needed when that is not loopback"`
	AdminKeyFile    string        `env:"PROXY_ADMIN_KEY_FILE" help:"a file that holds that key instead"`
	TLSCertFile     string        `env:"PROXY_TLS_CERT_FILE" help:"certificate (PEM) for TLS on PROXY_LISTEN; read again when it changes"`
	TLSKeyFile      string        `env:"PROXY_TLS_KEY_FILE" help:"its private key (PEM)"`
	TLSClientCAFile string        `env:"PROXY_TLS_CLIENT_CA_FILE" help:"mutual TLS: the CA (PEM) that signs clients' certificates"`
	TokenStore      secret.Secret `env:"PROXY_TOKEN_STORE, default=memory:" help:"memory:, file:///path/to/dir, redis://… or rediss://…"`
	TokenStoreFile  string        `env:"PROXY_TOKEN_STORE_FILE" help:"a file that holds that URL instead, where it has a password"`
	StoreKey        secret.Secret `env:"PROXY_STORE_KEY" help:"32 bytes in base64 that seal what the store holds; a second, after a comma, opens what an older key sealed"`
	StoreKeyFile    string        `env:"PROXY_STORE_KEY_FILE" help:"a file that holds that key instead"`
	TokenDisclosure string        `env:"PROXY_TOKEN_DISCLOSURE, default=placeholder" help:"what clients that ask for a token get: placeholder or real"`
	ErrorStatus     string        `env:"PROXY_ERROR_STATUS, default=http" help:"http: the proxy's own errors have their HTTP status; ok: they are HTTP 200"`
	MaxBody         string        `env:"PROXY_MAX_BODY, default=32MiB" help:"longest request body"`
	UpstreamTimeout string        `env:"PROXY_UPSTREAM_TIMEOUT, default=30s" help:"from the end of a request to the header of WeChat's answer"`
	BreakerOpenFor  string        `env:"PROXY_BREAKER_OPEN_FOR, default=5s" help:"how long an open breaker rests before it probes"`
	ShutdownGrace   string        `env:"PROXY_SHUTDOWN_GRACE, default=30s" help:"how long calls in flight may take after SIGTERM"`
	JSSDKHosts      string        `env:"PROXY_JSSDK_HOSTS" help:"hosts that /-/jssdk/config signs for, with commas between, *.example.com allowed; empty: any"`
	QuotaEvery      string        `env:"PROXY_QUOTA_EVERY, default=0s" help:"how often WeChat is asked what is left of the day's quota for the paths called most, for the metrics; 0s: never, each question counts as a call"`
	LogLevel        string        `env:"PROXY_LOG_LEVEL, default=info" help:"debug, info, warn or error"`
	LogFormat       string        `env:"PROXY_LOG_FORMAT, default=auto" help:"auto (coloured on a terminal, else JSON), text or json"`
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
	name, standard, help string // standard: its default, or ""
}

// knownVariables returns all variables in the order of the struct.
func knownVariables() []variable {
	t := reflect.TypeFor[variables]()
	list := make([]variable, 0, t.NumField())
	for f := range t.Fields() {
		name, standard, _ := strings.Cut(f.Tag.Get("env"), ", default=")
		list = append(list, variable{name, standard, f.Tag.Get("help")})
	}
	return list
}
