package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
)

// certs is the TLS configuration of the clients' listener. Its files are read
// again when they change; if the new version is bad, the old one stays.
type certs struct {
	files   config.TLS
	sum     [sha256.Size]byte          // of what the files held
	current atomic.Pointer[tls.Config] // in force
}

// newCerts reads the files of t. If it names none there is no TLS.
func newCerts(t config.TLS) (*certs, error) {
	c := &certs{files: t}
	if t.CertFile == "" {
		return c, nil
	}
	_, err := c.read()
	return c, err
}

// read reads the files, and reports whether they changed. It is called by one
// goroutine at a time.
func (c *certs) read() (changed bool, err error) {
	var cert, key, ca []byte
	for _, f := range []struct {
		variable, name string
		into           *[]byte
	}{
		{"PROXY_TLS_CERT_FILE", c.files.CertFile, &cert}, {"PROXY_TLS_KEY_FILE", c.files.KeyFile, &key},
		{"PROXY_TLS_CLIENT_CA_FILE", c.files.ClientCAFile, &ca},
	} {
		if f.name == "" {
			continue
		}
		if *f.into, err = os.ReadFile(f.name); err != nil {
			return false, fmt.Errorf("%s: %w", f.variable, err)
		}
	}
	sum := sha256.Sum256(bytes.Join([][]byte{cert, key, ca}, []byte{0}))
	if sum == c.sum {
		return false, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("PROXY_TLS_CERT_FILE: %w", err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{pair}}
	if c.files.ClientCAFile != "" {
		t.ClientCAs, t.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if !t.ClientCAs.AppendCertsFromPEM(ca) {
			return false, errors.New("PROXY_TLS_CLIENT_CA_FILE: contains no PEM certificate")
		}
	}
	c.current.Store(t)
	c.sum = sum
	return true, nil
}

// wrap puts TLS on l, if there is any.
func (c *certs) wrap(l net.Listener) net.Listener {
	if c.files.CertFile == "" {
		return l
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load(), nil },
	})
}

// watch reads the files again when they change, until ctx ends. It watches all
// files that cfg was read from, and so also notices changes made since then.
func (c *certs) watch(ctx context.Context, cfg *config.Config, log *slog.Logger) {
	if c.files.CertFile == "" {
		return
	}
	err := cfg.Watch(ctx, func() {
		changed, err := c.read()
		switch {
		case err != nil:
			log.Error("certificates", "result", "refused", "err", err)
		case changed:
			log.Info("certificates", "result", "applied")
		}
	})
	if err != nil && ctx.Err() == nil {
		log.Error("certificates", "err", err)
	}
}
