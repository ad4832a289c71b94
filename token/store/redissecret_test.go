package store

import (
	"bufio"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/token/store/redistest"
)

// monitor collects every command that reaches the server.
func monitor(t *testing.T, addr string) (lines func() string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var all strings.Builder
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for in := bufio.NewScanner(conn); in.Scan(); {
			mu.Lock()
			all.WriteString(in.Text() + "\n")
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	lines = func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
	eventually(t, "the monitor is on", func() bool { return strings.Contains(lines(), "+OK") })
	return lines
}

func TestRedisSeesNoSecret(t *testing.T) {
	t.Parallel()
	const canary = "CANARY-token"
	server := redistest.Start(t)
	seen := monitor(t, server.Addr)
	s := seal(t, openRedis(t, server.URL, quiet(t)), quiet(t), key(1))
	source := func(context.Context, token.FetchRequest) (token.Fetched, error) {
		return token.Fetched{Value: secret.New(canary), ExpiresIn: time.Hour}, nil
	}
	for range 2 { // the second Manager finds what the first has left
		m := token.NewManager(token.Options{Store: s, StoreTimeout: 5 * time.Second})
		m.Set([]token.Account{{Name: "shop", ID: "wx1", Credentials: []token.Spec{
			{Kind: token.AccessToken, Source: token.SourceFunc(source), Schedule: token.StableSchedule()},
		}}})
		c, err := m.Keeper("shop", token.AccessToken).Get(patient(t))
		if err != nil || c.Value.Reveal() != canary {
			t.Fatalf("got %v", err)
		}
		m.Close()
	}
	server.Command(t, "ECHO", "the end")
	eventually(t, "the monitor has seen all", func() bool { return strings.Contains(seen(), "the end") })
	if !strings.Contains(seen(), "wtp:{shop/wx1/access_token}") || strings.Contains(seen(), canary) {
		t.Errorf("Redis saw\n%s", seen())
	}
}

func TestRedisPasswordsShowInNoError(t *testing.T) {
	t.Parallel()
	const canary = "CANARY+pass/word"
	good := redistest.Start(t, "--requirepass", canary)
	for name, url := range map[string]string{
		"nobody listens":      "redis://:CANARY%2Bpass%2Fword@127.0.0.1:1",
		"nobody under a user": "redis://CANARY:CANARY%2Bpass%2Fword@127.0.0.1:1",
		"a wrong password":    "redis://:CANARY%2Bpass%2Fworse@" + good.Addr,
		"an unknown user":     "redis://somebody:CANARY%2Bpass%2Fword@" + good.Addr,
		"no password":         good.URL,
		"TLS where is none":   "rediss://:CANARY%2Bpass%2Fword@" + good.Addr,
		"no sentinel":         "redis://:CANARY%2Bpass%2Fword@" + good.Addr + "?master_set=main",
	} {
		r := openRedis(t, url, func(msg string, err error) { t.Errorf("%s: warned %s: %v", name, msg, err) })
		_, err := r.Load(patient(t), "shop")
		if err == nil || leaks(err, "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := openRedis(t, "redis://:CANARY%2Bpass%2Fword@"+good.Addr, quiet(t))
	if err := r.Save(patient(t), "shop", record(1, "x")); err != nil {
		t.Errorf("the right password: %v", err)
	}
}

func TestRedisUserWithFewRights(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	// May do what the store needs, but neither publish nor listen.
	if got := s.Command(t, "ACL", "SETUSER", "proxy", "on", ">pass", "~wtp*", "resetchannels", "+@read", "+@write", "+@scripting", "+@connection", "-client|tracking"); got != "+OK" {
		t.Fatal(got)
	}
	r := openRedis(t, "redis://proxy:pass@"+s.Addr, quiet(t))
	if err := r.Save(patient(t), "shop", record(1, "x")); err != nil {
		t.Error(err)
	}
	if rec, err := r.Load(patient(t), "shop"); err != nil || rec.Gen != 1 {
		t.Errorf("%+v, %v", rec, err)
	}
	if err := r.Watch(patient(t), func(string) {}); err != nil {
		t.Errorf("a store that cannot tell says so by nil, not by %v", err)
	}
}

func TestRedisIsTrackedWhereItCanBe(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r := openRedis(t, s.URL, quiet(t))
	hear(t, watch(t, r), "")
	c := *r.client.Load()
	info, err := c.Do(patient(t), c.B().Info().Section("clients").Build()).ToString()
	if err != nil || !strings.Contains(info, "tracking_clients:1") {
		t.Errorf("%v: %s", err, info)
	}
}
