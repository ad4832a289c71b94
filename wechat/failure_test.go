package wechat

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Why a connection cannot be made, in our own words and with what to do.
func TestConnectFailures(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	cert := &x509.Certificate{DNSNames: []string{"portal.example"}, NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(-1, 0, 0)}
	bad := func(err error) error {
		return &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{cert}, Err: err}
	}
	for _, c := range []struct {
		err    error
		words  string
		status string // Proxy-Status
		advice string
	}{
		{&net.DNSError{Err: "no such host", Name: "x.invalid", IsNotFound: true}, "host name not found in DNS", "dns_error", "spelling"},
		{&net.DNSError{Err: "i/o timeout", Name: "api.weixin.qq.com", IsTimeout: true}, "DNS lookup timed out", "dns_timeout", "DNS does not work"},
		{&net.DNSError{Err: "server misbehaving", Name: "api.weixin.qq.com"}, "DNS lookup failed", "dns_error", "DNS does not work"},
		{bad(x509.CertificateInvalidError{Cert: cert, Reason: x509.Expired}), "TLS certificate expired or not yet valid: valid from 2024-11-23 to 2025-11-23", "tls_certificate_error", "clock"},
		{bad(x509.HostnameError{Certificate: cert, Host: "api.weixin.qq.com"}), "TLS certificate is for another host", "tls_certificate_error", "Something other than WeChat"},
		{bad(x509.UnknownAuthorityError{}), "TLS certificate not trusted", "tls_certificate_error", "CA certificates"},
		{tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, "the server does not speak TLS", "tls_protocol_error", "Something other than WeChat"},
		{tls.AlertError(40), "TLS handshake failed", "tls_protocol_error", "Something other than WeChat"},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "connection refused", "connection_refused", "Nothing listens"},
		{&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, "no route to host", "destination_ip_unroutable", "port 443"},
		{&net.OpError{Op: "dial", Err: syscall.EMFILE}, "this process is out of file descriptors", "proxy_internal_error", "ulimit"},
		{context.DeadlineExceeded, "connecting timed out", "connection_timeout", "port 443"},
		{errors.New("what is this"), "cannot connect", "destination_unavailable", "port 443"},
	} {
		f := connectFailure(fmt.Errorf("dial SECRET: %w", c.err))
		if f.Words() != c.words || f.ProxyStatus() != c.status || !strings.Contains(f.Advice().EN, c.advice) || f.Advice().ZH == "" || !f.Connect() {
			t.Errorf("%v: %q, %s, %q", c.err, f.Words(), f.ProxyStatus(), f.Advice().EN)
		}
		if f.Egress = "egress:3128"; f.blamesHost() || !strings.Contains(f.Advice().EN, "egress proxy") || !strings.HasPrefix(f.Words(), "egress proxy egress:3128: ") {
			t.Errorf("%v, of an egress proxy: %q, %q", c.err, f.Words(), f.Advice().EN)
		}
	}
}

// What is no fault of the host's.
func TestWhoIsToBlame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f    Failure
		host bool
	}{
		{Failure{Kind: Refused}, true},
		{Failure{Kind: Timeout}, true},
		{Failure{Kind: Closed}, true},
		{Failure{Kind: NotHTTP}, true},
		{Failure{Kind: BadAnswer, Status: http.StatusOK}, true},
		{Failure{Kind: BadAnswer, Status: http.StatusBadGateway}, true},
		{Failure{Kind: BadAnswer, Status: http.StatusFound}, false},
		{Failure{Kind: Canceled}, false},
		{Failure{Kind: NoDescriptors}, false},
		{Failure{Kind: EgressRefused, Egress: "e:1", Status: 407}, false},
	} {
		if got := c.f.blamesHost(); got != c.host {
			t.Errorf("%s, status %d: %v", c.f.Kind, c.f.Status, got)
		}
	}
}
