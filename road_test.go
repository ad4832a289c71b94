package main

import (
	"bufio"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
)

// fault is a way to WeChat that is broken.
type fault struct {
	name      string
	variables func(t *testing.T) []string // the settings that lead there
	words     string                      // what everybody says of it; ADDRESS is that of the last setting
	answers   bool                        // it answers HEAD
	status    int                         // of a call's answer; 0: 502
}

const roadSecret = "road-secret-CANARY-road-secret-1"

// Whoever asks WeChat for something, a client's call, a token's fetch or check,
// fails in the same words, and none of them says more than that: not the secret,
// the user's token or the code, which some of these hosts send back.
func TestAllTellTheSameOfTheRoad(t *testing.T) {
	t.Parallel()
	for _, f := range []fault{
		{name: "nobody listens", words: "connection refused", variables: func(t *testing.T) []string {
			l := listen(t)
			_ = l.Close()
			return upstream("http", l)
		}},
		{name: "no TLS", words: "the server does not speak TLS", variables: func(t *testing.T) []string {
			return upstream("https", rawServer(t, func(conn net.Conn, r *http.Request) { _, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") }))
		}},
		{name: "a certificate that nobody trusts", words: "TLS certificate not trusted", variables: func(t *testing.T) []string {
			s := httptest.NewUnstartedServer(http.NotFoundHandler())
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.StartTLS()
			t.Cleanup(s.Close)
			return []string{"WECHAT_UPSTREAMS=" + s.URL}
		}},
		{name: "a certificate of another name", words: "TLS certificate is for another host", variables: func(t *testing.T) []string {
			return certified(t, "other.example", time.Now().Add(time.Hour))
		}},
		{name: "a certificate that has expired", words: "TLS certificate expired or not yet valid: valid from ", variables: func(t *testing.T) []string {
			return certified(t, "", time.Now().Add(-time.Hour))
		}},
		{name: "no answer", words: "timed out waiting for the response", status: 504, variables: func(t *testing.T) []string {
			return append([]string{"PROXY_UPSTREAM_TIMEOUT=1s"}, upstream("http", rawServer(t, func(net.Conn, *http.Request) { <-t.Context().Done() }))...)
		}},
		{name: "closed at once", words: "connection closed before the response was complete", variables: func(t *testing.T) []string {
			return upstream("http", rawServer(t, func(net.Conn, *http.Request) {}))
		}},
		{name: "cut off", answers: true, words: "connection closed before the response was complete", variables: func(t *testing.T) []string {
			return upstream("http", rawServer(t, func(conn net.Conn, r *http.Request) {
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{%q", r.RequestURI)
			}))
		}},
		{name: "a line that echoes", words: "invalid HTTP response", variables: func(t *testing.T) []string {
			return upstream("http", rawServer(t, func(conn net.Conn, r *http.Request) { fmt.Fprintf(conn, "%s is no HTTP\r\n\r\n", r.RequestURI) }))
		}},
		{name: "a status that echoes", words: "invalid HTTP response", variables: func(t *testing.T) []string {
			return upstream("http", rawServer(t, func(conn net.Conn, r *http.Request) { fmt.Fprintf(conn, "HTTP/1.1 %s\r\n\r\n", r.RequestURI) }))
		}},
		{name: "a header that echoes", words: "invalid HTTP response", variables: func(t *testing.T) []string {
			return upstream("http", rawServer(t, func(conn net.Conn, r *http.Request) { fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\n%s\r\n\r\n", r.RequestURI) }))
		}},
		{name: "a length that echoes", words: "invalid HTTP response", variables: func(t *testing.T) []string {
			return upstream("http", rawServer(t, func(conn net.Conn, r *http.Request) {
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n", r.RequestURI)
			}))
		}},
		{name: "an encoding that echoes", words: "invalid HTTP response", variables: func(t *testing.T) []string {
			return upstream("http", rawServer(t, func(conn net.Conn, r *http.Request) {
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n", r.RequestURI)
			}))
		}},
		{name: "an egress proxy that refuses", words: "egress proxy ADDRESS answered with HTTP status 407", variables: func(t *testing.T) []string {
			l := rawServer(t, func(conn net.Conn, r *http.Request) { fmt.Fprintf(conn, "HTTP/1.1 407 CANARY\r\n\r\n") })
			return []string{"WECHAT_UPSTREAMS=https://api.weixin.qq.com,https://api2.weixin.qq.com", "HTTPS_PROXY=http://user:CANARY@" + l.Addr().String()}
		}},
		{name: "an egress proxy that is down", words: "egress proxy ADDRESS: connection refused", variables: func(t *testing.T) []string {
			l := listen(t)
			_ = l.Close()
			return []string{"WECHAT_UPSTREAMS=https://api.weixin.qq.com", "HTTPS_PROXY=http://" + l.Addr().String()}
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			variables := f.variables(t)
			last := variables[len(variables)-1]
			variables = append(variables, "WECHAT_APP_ID="+servetest.ShopID, "WECHAT_APP_SECRET="+roadSecret, "WECHAT_TOKEN_API=legacy")
			words := strings.ReplaceAll(f.words, "ADDRESS", last[strings.LastIndexAny(last, "@/")+1:])

			p, client := serveProcess(t, variables...), servetest.NewClient(t, nil)
			for _, target := range []string{"/sns/userinfo?access_token=USER-CANARY&openid=x", "/sns/jscode2session?js_code=CODE-CANARY"} {
				a := servetest.MustCall(t, client, "GET "+p.url+target, "")
				if a.StatusCode != cmp.Or(f.status, 502) || !strings.Contains(a.Text, words) || strings.Contains(a.Text, "CANARY") {
					t.Errorf("a call: %d %s, want %q", a.StatusCode, a.Text, words)
				}
			}
			for _, line := range []string{"call", "renewal"} {
				if said, _ := p.awaitLog(line)["err"].(string); !strings.Contains(said, words) {
					t.Errorf("the log's %s line says %q, want %q", line, said, words)
				}
			}
			status := servetest.MustCall(t, client, "GET "+p.admin+"/api/status", "")
			if !strings.Contains(status.Text, words) {
				t.Errorf("/api/status does not say %q", words)
			}
			p.kill()
			for line := range strings.Lines(p.stderr.String()) {
				if !strings.HasPrefix(line, "{") {
					t.Errorf("a line that is not ours: %s", line)
				}
			}

			check := startProcess(t, variables, "check")
			if code := check.exitCode(); code != exitFailed {
				t.Errorf("check: exit code %d", code)
			}
			said := check.stdout.String()
			for _, what := range []string{"host ", "token of default"} {
				if !sayLine(said, what, words) && !(f.answers && what == "host ") {
					t.Errorf("check does not say %q of %s:\n%s", words, what, said)
				}
			}
			for _, text := range []string{p.stderr.String(), p.stdout.String(), status.Text, said, check.stderr.String()} {
				if at := strings.Index(text, "CANARY"); at >= 0 {
					t.Errorf("a secret is told: …%s…", text[max(0, at-100):min(len(text), at+50)])
				}
			}
		})
	}
}

// certified is a host whose certificate is trusted, for a name ("": 127.0.0.1) and
// until end.
func certified(t *testing.T, name string, end time.Time) []string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: end.Add(-48 * time.Hour), NotAfter: end,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if name == "" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "root.pem")
	servetest.WriteFile(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return []string{"SSL_CERT_FILE=" + file, "WECHAT_UPSTREAMS=" + s.URL}
}

// sayLine reports whether a line that holds what also holds words.
func sayLine(text, what, words string) bool {
	for line := range strings.Lines(text) {
		if strings.Contains(line, what) && strings.Contains(line, words) {
			return true
		}
	}
	return false
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func upstream(scheme string, l net.Listener) []string {
	return []string{"WECHAT_UPSTREAMS=" + scheme + "://" + l.Addr().String()}
}

// rawServer reads a request from each connection, lets answer write, and closes.
func rawServer(t *testing.T, answer func(conn net.Conn, r *http.Request)) net.Listener {
	t.Helper()
	l := listen(t)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				r, err := http.ReadRequest(in)
				if err != nil { // no TLS here
					_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
					return
				}
				answer(conn, r)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return l
}
