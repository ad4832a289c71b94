package main

import (
	"context"
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

// certs is the TLS of the clients' listener. Its files are read again when they
// change; a bad new version leaves the one in use.
type certs struct {
	files config.TLS
	now   atomic.Pointer[tls.Config]
}

// newCerts reads the files of t; where it names none there is no TLS.
func newCerts(t config.TLS) (*certs, error) {
	c := &certs{files: t}
	if t.CertFile == "" {
		return c, nil
	}
	return c, c.read()
}

func (c *certs) read() error {
	pair, err := tls.LoadX509KeyPair(c.files.CertFile, c.files.KeyFile)
	if err != nil {
		return fmt.Errorf("PROXY_TLS_CERT_FILE: %w", err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{pair}}
	if c.files.ClientCAFile != "" {
		pem, err := os.ReadFile(c.files.ClientCAFile)
		if err != nil {
			return fmt.Errorf("PROXY_TLS_CLIENT_CA_FILE: %w", err)
		}
		t.ClientCAs, t.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if !t.ClientCAs.AppendCertsFromPEM(pem) {
			return errors.New("PROXY_TLS_CLIENT_CA_FILE: no certificate in it")
		}
	}
	c.now.Store(t)
	return nil
}

// wrap puts TLS on l, if there is any.
func (c *certs) wrap(l net.Listener) net.Listener {
	if c.files.CertFile == "" {
		return l
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.now.Load(), nil },
	})
}

// watch reads the files again when they change, until ctx ends.
func (c *certs) watch(ctx context.Context, log *slog.Logger) {
	var files []string
	for _, f := range []string{c.files.CertFile, c.files.KeyFile, c.files.ClientCAFile} {
		if f != "" {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return
	}
	err := config.Watch(ctx, files, func() {
		if err := c.read(); err != nil {
			log.Error("certificates", "result", "refused", "err", err)
			return
		}
		log.Info("certificates", "result", "applied")
	})
	if err != nil && ctx.Err() == nil {
		log.Error("certificates", "err", err)
	}
}
