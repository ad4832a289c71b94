package store

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// Found is a credential that an SDK keeps in Redis.
type Found struct {
	Kind  token.Kind
	Value secret.Secret
	// ExpiresAt is when the SDK thinks it ends, which is no later than WeChat
	// does: SDKs take something off.
	ExpiresAt time.Time
	// From is the key it was found under.
	From string
}

const (
	importTimeout = 10 * time.Second
	// maxImported is how long a credential found may live. WeChat gives two
	// hours; what claims more was kept by somebody who does not know.
	maxImported = 2 * time.Hour
)

// Import looks where SDKs keep the credentials of appid in the Redis at rawURL,
// so that a move to the proxy needs no new token: WxJava, silenceper/wechat,
// PowerWeChat, wechatpy, nest-wechat, and EasyWeChat 4 and 5, each with its own
// default prefix. EasyWeChat 6 is left out: it has the secret in its keys.
//
// secret is needed since some keys hold a hash of it; it is not sent. Nothing
// is changed in Redis: only TYPE, GET, HGET and PTTL are used. What has no end,
// or one more than two hours away, is not believed. The result is ordered by
// kind, the token first, and within a kind by end, the latest first; finding
// nothing is no error. Without a deadline ctx ends after 10 s.
func Import(ctx context.Context, rawURL, appid string, secret secret.Secret) ([]Found, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, importTimeout)
		defer cancel()
	}
	option, clean, err := parseRedisURL(rawURL)
	if err != nil {
		return nil, err
	}
	c, err := rueidis.NewClient(option)
	if err != nil {
		return nil, fmt.Errorf("redis: connect: %w", clean(err))
	}
	defer c.Close()
	var found []Found
	for _, p := range places(appid, secret) {
		f, ok, err := p.read(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("redis: read %s: %w", p.key, clean(err))
		}
		if ok {
			found = append(found, f)
		}
	}
	kinds := token.Kinds()
	slices.SortStableFunc(found, func(a, b Found) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), b.ExpiresAt.Compare(a.ExpiresAt))
	})
	return found, nil
}

// place is where some SDK keeps a credential.
type place struct {
	kind token.Kind
	key  string
	end  string // the key with its end in Unix seconds; "": there is none
}

// places lists them all. WxJava's prefix is the application's to choose; these
// are those of its Spring starters and examples.
func places(appid string, secret secret.Secret) []place {
	md5hex := func(s string) string {
		sum := md5.Sum([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	credentials, _ := json.Marshal(struct { // strings: cannot fail
		GrantType string `json:"grant_type"`
		AppID     string `json:"appid"`
		Secret    string `json:"secret"`
	}{"client_credential", appid, secret.Reveal()})

	var all []place
	add := func(kind token.Kind, keys ...string) {
		for _, key := range keys {
			all = append(all, place{kind: kind, key: key})
		}
	}
	for _, prefix := range []string{"wx", "wa"} { // WxJava
		add(token.AccessToken, prefix+":access_token:"+appid)
		for _, kind := range []token.Kind{token.JSAPI, token.WXCard, token.SDK} {
			add(kind, prefix+":ticket:key:"+appid+":"+string(kind))
		}
	}
	add(token.AccessToken, "wechat_ma_access_token_key:"+appid, "maConfig:"+appid+":accessToken")
	for _, app := range []string{"officialaccount", "miniprogram"} { // silenceper/wechat
		prefix := "gowechat_" + app + "_"
		add(token.AccessToken, prefix+"_access_token_"+appid, prefix+"_stable_access_token_"+appid)
		add(token.JSAPI, prefix+"_jsapi_ticket_"+appid)
	}
	add(token.AccessToken, "powerwechat.access_token."+md5hex(appid+secret.Reveal()), // PowerWeChat
		"easywechat.kernel.access_token."+md5hex(string(credentials)), // EasyWeChat 4 and 5
		"key_access_token_"+appid)                                     // nest-wechat
	add(token.JSAPI, "powerwechat.basic_service.jssdk.ticket.jsapi."+appid,
		"easywechat.basic_service.jssdk.ticket.jsapi."+appid, "key_ticket_"+appid)
	add(token.WXCard, "powerwechat.basic_service.jssdk.ticket.wx_card."+appid,
		"easywechat.basic_service.jssdk.ticket.wx_card."+appid)
	for kind, name := range map[token.Kind]string{token.AccessToken: "_access_token", token.JSAPI: "_jsapi_ticket"} { // wechatpy
		key := "wechatpy:" + appid + name
		all = append(all, place{kind: kind, key: key, end: key + "_expires_at"})
	}
	return all
}

// read returns what is at p; false where that is nothing that can be used.
func (p place) read(ctx context.Context, c rueidis.Client) (Found, bool, error) {
	kind, err := c.Do(ctx, c.B().Type().Key(p.key).Build()).ToString()
	if err != nil {
		return Found{}, false, err
	}
	get := func(key string) (string, error) {
		s, err := c.Do(ctx, c.B().Get().Key(key).Build()).ToString()
		return s, unlessNil(err)
	}
	field := func(name string) (string, error) {
		s, err := c.Do(ctx, c.B().Hget().Key(p.key).Field(name).Build()).ToString()
		return s, unlessNil(err)
	}
	var raw, end string
	switch kind {
	case "string":
		raw, err = get(p.key)
		if err == nil && p.end != "" {
			end, err = get(p.end)
		}
	case "hash": // old WxJava: the end is in milliseconds
		raw, err = field("value")
		if err == nil {
			end, err = field("expire")
		}
	default:
		return Found{}, false, nil
	}
	if err != nil {
		return Found{}, false, err
	}
	left, err := c.Do(ctx, c.B().Pttl().Key(p.key).Build()).AsInt64()
	if err != nil {
		return Found{}, false, err
	}
	f := Found{Kind: p.kind, From: p.key}
	now := time.Now()
	value, ok := foreignValue(raw)
	f.Value = secret.New(value)
	f.ExpiresAt = foreignEnd(now, time.Duration(left)*time.Millisecond, end, kind == "hash")
	life := f.ExpiresAt.Sub(now)
	return f, ok && life > 0 && life <= maxImported, nil
}

func unlessNil(err error) error {
	if rueidis.IsRedisNil(err) {
		return nil
	}
	return err
}

// foreignEnd is the earlier of what Redis and the SDK itself say; zero where
// neither says anything. left is not positive where Redis has no end.
func foreignEnd(now time.Time, left time.Duration, end string, isMillis bool) time.Time {
	var at time.Time
	if left > 0 {
		at = now.Add(left)
	}
	f, err := strconv.ParseFloat(end, 64)
	if err != nil || f <= 0 || f > 1e14 {
		return at
	}
	said := time.Unix(int64(f), 0)
	if isMillis {
		said = time.UnixMilli(int64(f))
	}
	if at.IsZero() || said.Before(at) {
		return said
	}
	return at
}
