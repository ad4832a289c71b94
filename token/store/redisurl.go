package store

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// parseRedisURL returns the client's settings, and a filter that keeps the password
// out of its errors. The error of url.Parse quotes the URL, so it is not passed on.
func parseRedisURL(rawURL string) (rueidis.ClientOption, func(error) error, error) {
	o, err := rueidis.ParseURL(rawURL)
	if err != nil {
		return o, nil, errors.New("invalid Redis URL: want redis://, rediss:// or unix://, a number as database, and special characters of the password percent-encoded")
	}
	if o.Dialer.Timeout == 0 {
		o.Dialer.Timeout = dialTimeout
	}
	if o.ConnWriteTimeout == 0 {
		o.ConnWriteTimeout = pingTimeout
	}
	// One connection is enough for a few commands an hour.
	o.PipelineMultiplex = -1
	o.RingScaleEachConn = 8
	o.ReadBufferEachConn = 32 << 10
	o.WriteBufferEachConn = 32 << 10
	o.BlockingPoolSize = 8
	// The Manager's memory is the cache, and Watch tells when it is out of date.
	// Without the client's own cache, servers without RESP3 work too.
	o.DisableCache = true
	if o.Sentinel.MasterSet != "" {
		o.Sentinel.Dialer = o.Dialer
		o.Sentinel.TopologyRefreshInterval = 5 * time.Second
		if o.TLSConfig != nil {
			o.TLSConfig.ServerName = "" // each host under its own name
			o.Sentinel.TLSConfig = o.TLSConfig
		}
	}
	return o, without(o.Password, url.QueryEscape(o.Password), url.PathEscape(o.Password)), nil
}

// without returns a filter that replaces errors which quote a secret.
func without(secrets ...string) func(error) error {
	return func(err error) error {
		if err == nil {
			return nil
		}
		text := err.Error()
		for _, s := range secrets {
			if s != "" && strings.Contains(text, s) {
				return errors.New("error withheld: it quotes the password")
			}
		}
		return err
	}
}
