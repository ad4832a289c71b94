package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// account is the one that far knows. Its zero value has a token.
type account struct {
	mu       sync.Mutex
	number   int           // of the token that is valid
	gate     time.Duration // how long a token takes to fetch
	fetches  int
	rejected int       // calls with a dead token, since it was killed
	answered time.Time // when a token was last handed out
}

// answer returns the JSON to a request.
func (a *account) answer(r *http.Request) string {
	switch r.URL.Path {
	case "/cgi-bin/stable_token":
		return a.fetch()
	case "/control/kill":
		gate, err := time.ParseDuration(r.FormValue("gate"))
		if err != nil {
			return `{"errcode":40035,"errmsg":"gate is no duration"}`
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.number, a.gate, a.rejected = a.number+1, gate, 0
		return `{"errcode":0}`
	case "/control/state":
		a.mu.Lock()
		defer a.mu.Unlock()
		return fmt.Sprintf(`{"fetches":%d,"rejected":%d,"answered":%d}`, a.fetches, a.rejected, a.answered.UnixNano())
	}
	return a.call(r.URL.Query().Get("access_token"))
}

// fetch hands out the valid token once the gate has opened.
func (a *account) fetch() string {
	a.mu.Lock()
	gate := a.gate
	a.mu.Unlock()
	time.Sleep(gate)

	a.mu.Lock()
	defer a.mu.Unlock()
	a.fetches, a.answered = a.fetches+1, time.Now()
	return fmt.Sprintf(`{"access_token":"%s","expires_in":7200}`, token(a.number))
}

func (a *account) call(with string) string {
	if with == "" {
		return `{"errcode":41001,"errmsg":"access_token missing"}`
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if with != token(a.number) {
		a.rejected++
		return `{"errcode":42001,"errmsg":"access_token expired"}`
	}
	return `{"subscribe":1,"openid":"o6_bmjrPTlm6_2sgVt7hMZOPfL2M","language":"zh_CN","subscribe_time":1382694957,"remark":"","g":0}`
}

// token is as long as WeChat's.
func token(number int) string { return fmt.Sprintf("%s%06d", strings.Repeat("0", 151), number) }

func response(body string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json; encoding=utf-8\r\nContent-Length: %d\r\nConnection: keep-alive\r\nDate: %s\r\n\r\n%s",
		len(body), time.Now().UTC().Format(http.TimeFormat), body)
}
