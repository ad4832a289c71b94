package store

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// Found is a credential that an SDK keeps in Redis.
type Found struct {
	Kind  token.Kind
	Value secret.Secret
	// ExpiresAt is its end according to the SDK. SDKs subtract a margin, so it is no
	// later than WeChat's.
	ExpiresAt time.Time
	// From is the key it was found under.
	From string
}

const (
	importTimeout = 10 * time.Second
	// maxImported is how long an imported credential may live. WeChat gives two
	// hours; a later end is wrong.
	maxImported = 2 * time.Hour
)

// Import looks up the credentials of appid in the Redis at rawURL, where SDKs keep
// them, so that a move to the proxy needs no new token: WxJava, silenceper/wechat,
// PowerWeChat, wechatpy, nest-wechat, and EasyWeChat 4 and 5, each with its own
// default prefix. EasyWeChat 6 is left out: it has the secret in its keys.
//
// secret is needed since some keys hold a hash of it; it is not sent. Nothing
// is changed in Redis: only TYPE, GET, HGET and PTTL are used. A credential without
// an end, or with one more than two hours away, is left out. The result is ordered
// by kind, the token first, and within a kind by end, the latest first; finding
// nothing is no error. If ctx has no deadline, Import ends after 10 s.
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

// read returns the credential at p; false if there is no usable one.
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

// foreignEnd is the earlier of the ends that Redis and the SDK itself give; zero if
// neither gives one. left is not positive if Redis has none.
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

// foreignValue gets a token or ticket out of what an SDK has stored: the bare
// text, a JSON string of it, a JSON object (WeChat's answer), that in a JSON
// string once more, or what PHP's serialize makes of either.
func foreignValue(raw string) (string, bool) {
	raw = strings.TrimSpace(raw)
	for range 3 {
		var s string
		if !strings.HasPrefix(raw, `"`) || json.Unmarshal([]byte(raw), &s) != nil {
			break
		}
		raw = strings.TrimSpace(s)
	}
	switch {
	case strings.HasPrefix(raw, "{"):
		raw = jsonMember(raw)
	case phpString.MatchString(raw):
		raw = phpString.FindStringSubmatch(raw)[1]
	case strings.HasPrefix(raw, "a:"):
		m := phpMember.FindStringSubmatch(raw)
		if m == nil {
			return "", false
		}
		raw = m[1]
	}
	return raw, len(raw) <= maxForeign && plainValue.MatchString(raw)
}

const maxForeign = 1024 // bytes; WeChat promises 512

var (
	// WeChat's values have letters, digits, "-" and "_"; some dots or "=" do no
	// harm, while anything else says that this is another format.
	plainValue = regexp.MustCompile(`^[A-Za-z0-9_.~+/=-]{16,}$`)
	phpString  = regexp.MustCompile(`^s:\d+:"([^"]*)";$`)
	phpMember  = regexp.MustCompile(`s:\d+:"(?:access_token|ticket)";s:\d+:"([^"]*)";`)
)

// jsonMember returns the credential in WeChat's answer, or in nest-wechat's
// and others' wrapping of it.
func jsonMember(doc string) string {
	var o struct {
		AccessToken string `json:"access_token"`
		Ticket      string `json:"ticket"`
	}
	if json.Unmarshal([]byte(doc), &o) != nil {
		return ""
	}
	if o.AccessToken != "" {
		return o.AccessToken
	}
	return o.Ticket
}
