package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// keyPair returns a certificate and its key in PEM.
func keyPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certPEM, keyPEM := keyPair(t)
	_, otherPEM := keyPair(t)
	cert, key, other := write(t, dir, "cert", certPEM), write(t, dir, "key", keyPEM), write(t, dir, "other", otherPEM)
	pair := account().and("PROXY_TLS_CERT_FILE", cert, "PROXY_TLS_KEY_FILE", key)

	if c := pair.load(t); c.TLS != (TLS{CertFile: cert, KeyFile: key}) || !slices.Equal(c.Files(), []string{cert, key}) {
		t.Errorf("%+v", c.TLS)
	}
	// Only certificates of the CA get in: no key is needed on an open address.
	mutual := pair.and("PROXY_TLS_CLIENT_CA_FILE", cert, "PROXY_LISTEN", ":443")
	if c := mutual.load(t); c.TLS.ClientCAFile != cert {
		t.Errorf("%+v", c.TLS)
	}
	// And clients that are named by their certificates need none.
	file := write(t, dir, "f.yaml", "clients: [{name: a}, {name: b}]\n")
	if c := mutual.and("PROXY_CONFIG_FILE", file).load(t); len(c.Clients) != 2 || c.Clients[0].HasKey() {
		t.Errorf("%+v", c.Clients)
	}

	for name, row := range map[string]struct {
		env  env
		want string
	}{
		"another's key": {pair.and("PROXY_TLS_KEY_FILE", other), "PROXY_TLS_CERT_FILE=DIR/cert: does not match PROXY_TLS_KEY_FILE: private key does not match public key"},
		"an invalid CA": {pair.and("PROXY_TLS_CLIENT_CA_FILE", file), "PROXY_TLS_CLIENT_CA_FILE=DIR/f.yaml: contains no PEM certificate"},
		"a CA alone":    {account().and("PROXY_TLS_CLIENT_CA_FILE", cert), "PROXY_TLS_CLIENT_CA_FILE=DIR/cert: requires PROXY_TLS_CERT_FILE and PROXY_TLS_KEY_FILE"},
		"a key alone":   {account().and("PROXY_TLS_KEY_FILE", key), "PROXY_TLS_CERT_FILE: required with PROXY_TLS_KEY_FILE"},
	} {
		if got := strings.Join(row.env.problems(t, dir), "\n"); got != row.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, row.want)
		}
	}
}
