package wechattest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestSeveralAccessPointsAreOneWeChat(t *testing.T) {
	s := NewServer(Options{Accounts: []Account{{AppID: shop, Secret: secret}}})
	defer s.Close()
	second, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	rt := http.DefaultTransport
	token := fetch(t, rt, s.URL)
	s.Trouble(Trouble{Kind: Status, Status: 503, Host: strings.TrimPrefix(s.URL, "http://")})
	if got := send(t.Context(), rt, "GET", s.URL+"/wxa/any?access_token="+token, ""); got.status != 503 {
		t.Errorf("the first: %+v", got)
	}
	if got := send(t.Context(), rt, "GET", second+"/wxa/any?access_token="+token, ""); got.status != 200 || !strings.Contains(got.body, `"errcode":0`) {
		t.Errorf("the second: %+v", got)
	}
	if _, err := New(Options{}).Listen(); err == nil {
		t.Error("a server of New listens")
	}
}

func TestTLS(t *testing.T) {
	s := NewServer(Options{TLS: true, Accounts: []Account{{AppID: shop, Secret: secret}}})
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.TLSClientConfig = &tls.Config{RootCAs: pool}
	tr.DisableKeepAlives = true
	if !strings.HasPrefix(s.URL, "https://127.0.0.1:") {
		t.Errorf("URL is %s", s.URL)
	}
	fetch(t, tr, s.URL)
	s.Trouble(Trouble{Kind: Reset})
	if got := send(t.Context(), tr, "GET", s.URL+"/wxa/any", ""); got.err == nil {
		t.Errorf("got %+v", got)
	}
}

func TestAStampede(t *testing.T) {
	l := newLab(t)
	const callers = 1000
	tokens := make([]string, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { tokens[i] = l.stable(false).Token })
	}
	wg.Wait()
	if slices.Sort(tokens); len(slices.Compact(tokens)) != 1 {
		t.Error("callers got different stable tokens")
	}
	l.counted("stable", callers)
	l.counted("issued", callers)
	l.counted("new", 1)
}

func TestTheLogIsBounded(t *testing.T) {
	l := newLab(t)
	for i := range maxSeen + 10 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("http://wechat/wxa/%d", i), nil)
		if err != nil {
			t.Fatal(err)
		}
		l.send(req)
	}
	seen := l.Seen()
	if len(seen) != maxSeen || seen[0].Path != "/wxa/10" || seen[maxSeen-1].Path != fmt.Sprintf("/wxa/%d", maxSeen+9) {
		t.Errorf("%d calls, from %s to %s", len(seen), seen[0].Path, seen[len(seen)-1].Path)
	}
	l.counted("call", maxSeen+10)
	l.ResetLog()
	if len(l.Seen()) != 0 || l.Count("call") != 0 {
		t.Error("ResetLog left something")
	}
}

func TestIssuedHasEveryTokenAndTicket(t *testing.T) {
	l := newLab(t)
	stable := l.stable(false).Token
	want := []string{stable, l.legacy().Token, l.agent("2").Token,
		l.do("GET /cgi-bin/ticket/getticket?type=jsapi&access_token="+stable, "").Ticket,
		l.do("GET /sns/oauth2/access_token?code=1&grant_type=authorization_code&appid="+shop+"&secret="+secret, "").Token}
	got := l.Issued()
	for _, w := range want {
		if w == "" || !slices.Contains(got, w) {
			t.Errorf("%q is not among the issued ones", w)
		}
	}
}

func TestIssuedIsBoundedAndOldTokensAreForgotten(t *testing.T) {
	s := New(Options{})
	s.mu.Lock()
	for i := range maxIssued + 1 {
		value := fmt.Sprint(i)
		s.tokens[value] = new(issuedToken)
		s.issueLocked(value)
	}
	s.mu.Unlock()
	got := s.Issued()
	if len(got) != maxIssued/2+1 || got[len(got)-1] != fmt.Sprint(maxIssued) {
		t.Errorf("%d are kept, the last is %s", len(got), got[len(got)-1])
	}
	if len(s.tokens) != len(got) {
		t.Errorf("%d grants for %d tokens", len(s.tokens), len(got))
	}
}
