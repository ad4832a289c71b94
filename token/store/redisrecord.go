package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

func (r *Redis) recordKey(name string) string { return r.prefix + ":{" + escape.Replace(name) + "}" }
func (r *Redis) lockKey(name string) string   { return r.prefix + "-lock:{" + escape.Replace(name) + "}" }

// nameOf is the inverse of recordKey.
func (r *Redis) nameOf(key string) (string, bool) {
	s, ok := strings.CutPrefix(key, r.prefix+":{")
	s, closed := strings.CutSuffix(s, "}")
	return unescape.Replace(s), ok && closed
}

// A cluster places a key by what is between its first { and the first } after.
var (
	escape   = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D")
	unescape = strings.NewReplacer("%25", "%", "%7B", "{", "%7D", "}")
)

// channel is where replicas publish the names of the records they have written.
func (r *Redis) channel() string { return r.prefix + ":changed" }

var errForeign = errors.New("not a record of this program")

// A record is "wtp1 ", its generation in 20 digits, " ", its end in Unix
// microseconds, " ", and the data. Padded numbers compare like text, which
// Lua's numbers, being floats, would not.
const (
	magic    = "wtp1 "
	genWidth = 20
)

func encodeRedis(rec token.Record) string {
	return fmt.Sprintf("%s%0*d %d %s", magic, genWidth, rec.Gen, micros(rec.ExpiresAt), rec.Data)
}

func decodeRedis(value string) (token.Record, error) {
	rest, ok := strings.CutPrefix(value, magic)
	gen, rest, ok2 := strings.Cut(rest, " ")
	end, data, ok3 := strings.Cut(rest, " ")
	if !ok || !ok2 || !ok3 || len(gen) != genWidth {
		return token.Record{}, errForeign
	}
	g, err := strconv.ParseUint(gen, 10, 64)
	if err != nil {
		return token.Record{}, errForeign
	}
	e, err := strconv.ParseInt(end, 10, 64)
	if err != nil {
		return token.Record{}, errForeign
	}
	return token.Record{Gen: g, ExpiresAt: fromMicros(e), Data: []byte(data)}, nil
}
