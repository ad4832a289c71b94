package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/serve/servetest"
)

// authority is a CA, and pair what it issues, in PEM.
type (
	authority struct {
		cert *x509.Certificate
		key  *ecdsa.PrivateKey
		pem  string
	}
	pair struct{ cert, key string }
)

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a.pem = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return a
}

// issue returns a certificate for 127.0.0.1, and for a client of that name, that
// ends at end.
func (a *authority) issue(t testing.TB, name string, end time.Time) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: end,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})),
	}
}

func inAnHour() time.Time { return time.Now().Add(time.Hour) }

// tlsFiles are the files of PROXY_TLS_*.
type tlsFiles struct {
	t    testing.TB
	dir  string
	vars []string
}

func newTLSFiles(t testing.TB, p pair, clientCA string) *tlsFiles {
	t.Helper()
	f := &tlsFiles{t: t, dir: t.TempDir()}
	f.vars = []string{"PROXY_TLS_CERT_FILE=" + f.name("cert.pem"), "PROXY_TLS_KEY_FILE=" + f.name("key.pem")}
	f.put(p)
	if clientCA != "" {
		f.vars = append(f.vars, "PROXY_TLS_CLIENT_CA_FILE="+f.name("ca.pem"))
		servetest.WriteFile(t, f.name("ca.pem"), clientCA)
	}
	return f
}

func (f *tlsFiles) name(file string) string { return filepath.Join(f.dir, file) }

func (f *tlsFiles) put(p pair) {
	f.t.Helper()
	servetest.WriteFile(f.t, f.name("key.pem"), p.key)
	servetest.WriteFile(f.t, f.name("cert.pem"), p.cert)
}

// trusting is a client that trusts a CA and shows a certificate, if it has one.
// Each call has a connection of its own.
func trusting(t testing.TB, ca *authority, mine pair) *http.Client {
	t.Helper()
	return servetest.NewClient(t, func(tr *http.Transport) {
		tr.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
		tr.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(ca.pem))
		tr.ForceAttemptHTTP2 = true
		tr.DisableKeepAlives = true
		if mine.cert == "" {
			return
		}
		c, err := tls.X509KeyPair([]byte(mine.cert), []byte(mine.key))
		if err != nil {
			t.Fatal(err)
		}
		// shown whatever CAs the server asks for
		tr.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
	})
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t, "CA")
	files := newTLSFiles(t, ca.issue(t, "proxy", inAnHour()), "")
	h := serveHere(t, servetest.Shop(servetest.NewWeChat(t, nil), files.vars...)...)
	if !strings.HasPrefix(h.url, "https://") {
		t.Fatalf("it serves at %s", h.url)
	}
	a := servetest.MustCall(t, trusting(t, ca, pair{}), "GET "+h.url+"/cgi-bin/user/get", "")
	if a.StatusCode != 200 || a.Code != 0 || a.ProtoMajor != 2 {
		t.Errorf("%s %d %s, want a good answer over HTTP/2", a.Proto, a.StatusCode, a.Text)
	}
	plain, err := servetest.Call(servetest.NewClient(t, nil), "GET "+strings.Replace(h.url, "https:", "http:", 1)+"/cgi-bin/user/get?access_token=x", "")
	if err == nil && plain.StatusCode != 400 {
		t.Errorf("without TLS: %d %s", plain.StatusCode, plain.Text)
	}
	if _, err := servetest.Call(trusting(t, newAuthority(t, "another"), pair{}), "GET "+h.url+"/", ""); err == nil {
		t.Error("a client took a certificate of a CA it does not trust")
	}
	old := trusting(t, ca, pair{})
	old.Transport.(*http.Transport).TLSClientConfig.MinVersion = tls.VersionTLS10
	old.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS11
	if _, err := servetest.Call(old, "GET "+h.url+"/", ""); err == nil {
		t.Error("TLS 1.1 was good enough")
	}
}

// What a client sends in place of TLS, or of HTTP within it, is not logged.
func TestGarbageIsNotLogged(t *testing.T) {
	const secret = "hidden-garbage" // net/http quotes 24 bytes
	ca := newAuthority(t, "CA")
	files := newTLSFiles(t, ca.issue(t, "proxy", inAnHour()), "")
	h := serveHere(t, servetest.Shop(servetest.NewWeChat(t, nil), append(files.vars, "PROXY_LOG_LEVEL=debug")...)...)
	address := strings.TrimPrefix(h.url, "https://")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(ca.pem))
	for name, dial := range map[string]func() (net.Conn, error){
		"no TLS": func() (net.Conn, error) { return net.Dial("tcp", address) },
		"TLS, and then no HTTP/2": func() (net.Conn, error) {
			return tls.Dial("tcp", address, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}})
		},
	} {
		before := strings.Count(h.log.String(), "net/http reported")
		c, err := dial()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := c.Write([]byte(strings.Repeat(secret, 4))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		servetest.Eventually(t, name+": the log says that something was wrong", func() bool {
			return strings.Count(h.log.String(), "net/http reported") > before
		})
		_ = c.Close()
	}
	if log := h.log.String(); strings.Contains(log, secret) {
		t.Errorf("the log says\n%s", log)
	}
}

// The name in a client's certificate says who calls. One of another CA, or that
// has ended, gets nothing, not even an answer.
func TestMutualTLS(t *testing.T) {
	ca, clients, foreign := newAuthority(t, "CA"), newAuthority(t, "clients"), newAuthority(t, "foreign")
	files := newTLSFiles(t, ca.issue(t, "proxy", inAnHour()), clients.pem)
	wechat := servetest.NewWeChat(t, nil)
	h := serveHere(t, append(files.vars, "WECHAT_UPSTREAMS="+wechat.URL, "PROXY_CONFIG_FILE="+configFile(t,
		"accounts:\n"+entry("shop", servetest.ShopID, servetest.ShopSecret)+entry("blog", servetest.BlogID, servetest.BlogSecret)+"clients:\n  - {name: billing, accounts: [shop]}\n"+client("keyed", "a-key")))...)
	for _, c := range []struct {
		name, path, key string
		mine            pair
		status          int // 0: there is no connection
	}{
		{"billing, its account", "/@shop/cgi-bin/user/get", "", clients.issue(t, "billing", inAnHour()), 200},
		{"billing, its default account", "/cgi-bin/user/get", "", clients.issue(t, "billing", inAnHour()), 200},
		{"billing, another account", "/@blog/cgi-bin/user/get", "", clients.issue(t, "billing", inAnHour()), 403},
		{"a name that is no client's", "/@shop/cgi-bin/user/get", "", clients.issue(t, "stranger", inAnHour()), 401},
		{"a name that is no client's, but a key", "/@blog/cgi-bin/user/get", "a-key", clients.issue(t, "stranger", inAnHour()), 200},
		{"a wrong key decides", "/@shop/cgi-bin/user/get", "another", clients.issue(t, "billing", inAnHour()), 401},
		{"billing of another CA", "/@shop/cgi-bin/user/get", "", foreign.issue(t, "billing", inAnHour()), 0},
		{"billing of another CA, and a key", "/@shop/cgi-bin/user/get", "a-key", foreign.issue(t, "billing", inAnHour()), 0},
		{"billing of the server's CA", "/@shop/cgi-bin/user/get", "", ca.issue(t, "billing", inAnHour()), 0},
		{"a certificate that has ended", "/@shop/cgi-bin/user/get", "", clients.issue(t, "billing", time.Now().Add(-time.Minute)), 0},
		{"no certificate", "/@shop/cgi-bin/user/get", "a-key", pair{}, 0},
	} {
		var headers []string
		if c.key != "" {
			headers = []string{"Authorization: Bearer " + c.key}
		}
		a, err := servetest.Call(trusting(t, ca, c.mine), "GET "+h.url+c.path, "", headers...)
		switch {
		case c.status == 0 && err == nil:
			t.Errorf("%s: %d %s, want no connection", c.name, a.StatusCode, a.Text)
		case c.status != 0 && (err != nil || a.StatusCode != c.status):
			t.Errorf("%s: %v %s, want %d", c.name, err, a.Text, c.status)
		}
	}
}

// Certificates that have ended, or are swapped, are followed without a restart;
// a bad version changes nothing.
func TestCertificatesAreFollowed(t *testing.T) {
	ca, clients, next := newAuthority(t, "CA"), newAuthority(t, "clients"), newAuthority(t, "next")
	files := newTLSFiles(t, ca.issue(t, "proxy", time.Now().Add(-time.Minute)), clients.pem)
	p := serveProcess(t, servetest.Shop(servetest.NewWeChat(t, nil), append(files.vars, "PROXY_CLIENT_KEY=a-key")...)...)
	try := func(mine pair) (servetest.Answer, error) {
		return servetest.Call(trusting(t, ca, mine), "GET "+p.url+"/cgi-bin/user/get", "", "Authorization: Bearer a-key")
	}
	good := func(mine pair) bool {
		a, err := try(mine)
		return err == nil && a.StatusCode == 200 && a.Code == 0
	}
	mine, others := clients.issue(t, "billing", inAnHour()), next.issue(t, "billing", inAnHour())
	if _, err := try(mine); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired certificate: %v", err)
	}
	files.put(ca.issue(t, "proxy", inAnHour()))
	servetest.Eventually(t, "the new certificate is shown", func() bool { return good(mine) })
	if good(others) {
		t.Error("a client of another CA got in")
	}

	servetest.WriteFile(t, files.name("cert.pem"), "no certificate\n")
	p.awaitLog("certificates") // of the good version, or of this one
	servetest.Eventually(t, "the bad version is not applied", func() bool { return strings.Contains(p.stderr.String(), `"msg":"certificates","result":"refused"`) })
	if !good(mine) {
		t.Error("a bad version took the good one out of use")
	}

	files.put(ca.issue(t, "proxy", inAnHour()))
	servetest.WriteFile(t, files.name("ca.pem"), next.pem)
	servetest.Eventually(t, "the clients' new CA is in force", func() bool { return good(others) })
	servetest.Eventually(t, "the old one is not any more", func() bool { return !good(mine) })
}
