package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

// networkTrouble says in plain words why a host could not be asked. now is our
// clock, which certificates are held against.
func networkTrouble(err error, now time.Time) string {
	for u := (*url.Error)(nil); errors.As(err, &u); {
		err = u.Err // its text has the URL
	}
	var (
		dns     *net.DNSError
		invalid *tls.CertificateVerificationError
		noTLS   tls.RecordHeaderError
		timeout net.Error
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "DNS knows no " + dns.Name
	case errors.As(err, &dns):
		return fmt.Sprintf("DNS did not tell the address of %s: %s", dns.Name, dns.Err)
	case errors.As(err, &invalid):
		return certificateTrouble(invalid, now)
	case errors.As(err, &noTLS), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS: " + err.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "it refuses the connection: " + err.Error()
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, os.ErrPermission):
		return "there is no way to it: " + err.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time: " + err.Error()
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke off: " + err.Error()
	default:
		return err.Error()
	}
}

// certificateTrouble says what is wrong with a certificate.
func certificateTrouble(err *tls.CertificateVerificationError, now time.Time) string {
	var (
		invalid x509.CertificateInvalidError
		name    x509.HostnameError
	)
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	switch {
	case errors.As(err.Err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return fmt.Sprintf("its certificate is good from %s to %s, and this machine's clock says %s",
			day(invalid.Cert.NotBefore), day(invalid.Cert.NotAfter), now.UTC().Format(time.RFC3339))
	case errors.As(err.Err, &name) && name.Certificate != nil:
		return "its certificate is for other names than " + name.Host + ": " + strings.Join(name.Certificate.DNSNames, ", ")
	case len(err.UnverifiedCertificates) > 0:
		return fmt.Sprintf("its certificate cannot be trusted: %v; it was issued by %s", err.Err, err.UnverifiedCertificates[0].Issuer)
	default:
		return "its certificate cannot be trusted: " + err.Err.Error()
	}
}
