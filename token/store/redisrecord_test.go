package store

import (
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

func FuzzDecodeRedis(f *testing.F) {
	for _, r := range []token.Record{{}, {Gen: 1, Data: []byte("x y")}, {Gen: 1<<64 - 1, ExpiresAt: time.UnixMicro(1)}} {
		f.Add(encodeRedis(r))
	}
	f.Add("wtp1 ")
	f.Add("wtp1 +0000000000000000001 1 x")
	f.Fuzz(func(t *testing.T, value string) {
		rec, err := decodeRedis(value)
		if err != nil {
			return
		}
		if again, err := decodeRedis(encodeRedis(rec)); err != nil || !sameRecord(rec, again) {
			t.Errorf("%q: %+v became %+v, %v", value, rec, again, err)
		}
	})
}

func FuzzRedisKeys(f *testing.F) {
	r := &Redis{prefix: "wtp"}
	for _, name := range []string{"shop/wx1/access_token", "{}", "%7B", "a}b{c%25", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		key := r.recordKey(name)
		if back, ok := r.nameOf(key); !ok || back != name {
			t.Errorf("%q is %q, which is %q", name, key, back)
		}
		if strings.Count(key, "{") != 1 || strings.Count(key, "}") != 1 {
			t.Errorf("%q has more than one hash tag: %q", name, key)
		}
	})
}
