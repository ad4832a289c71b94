package wechat

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Kind says why a call brought no answer.
type Kind string

// The kinds of failure. The first group means that nothing was sent.
const (
	NoSuchHost     Kind = "no_such_host"
	DNSTimeout     Kind = "dns_timeout"
	DNSFailed      Kind = "dns_failed"
	Refused        Kind = "connection_refused"
	Unreachable    Kind = "unreachable"
	ConnectTimeout Kind = "connect_timeout"
	ConnectFailed  Kind = "connect_failed"
	NotTLS         Kind = "not_tls"
	CertExpired    Kind = "certificate_expired"
	CertName       Kind = "certificate_name"
	CertUntrusted  Kind = "certificate_untrusted"
	TLSFailed      Kind = "tls_failed"
	EgressRefused  Kind = "egress_refused" // the egress proxy refused the CONNECT
	NoDescriptors  Kind = "no_descriptors" // this process has no file descriptor left
	BreakerOpen    Kind = "breaker_open"
	Malformed      Kind = "malformed" // the request cannot be written as HTTP

	Timeout   Kind = "timeout"    // timed out waiting for the response
	Stalled   Kind = "stalled"    // the transfer made no progress
	Closed    Kind = "closed"     // the connection ended before the answer did
	NotHTTP   Kind = "not_http"   // the answer cannot be parsed
	BadAnswer Kind = "bad_answer" // the answer is HTTP, but not WeChat's
	Canceled  Kind = "canceled"   // the caller left
)

// Failure is the error of a call that brought no answer. Its text is our own
// throughout: neither what WeChat sent nor what net/http says of it, which may
// quote a token, can get into it.
type Failure struct {
	Kind Kind
	// Host is the WeChat host that was tried, "" where none was.
	Host string
	// Egress is the host and port of the egress proxy (HTTPS_PROXY), where it is
	// the egress proxy that failed and not WeChat.
	Egress string
	// Status is the egress proxy's HTTP status for a refused CONNECT, or that of
	// a bad answer.
	Status int
	// Detail is an addition in our own words, "" without.
	Detail string

	// judged is what Call.Check said of a bad answer. net/http's errors are never
	// kept: one may quote the URL, or what the server sent.
	judged error
}

// Error returns "host: words".
func (f *Failure) Error() string {
	if f.Host == "" {
		return f.Words()
	}
	return f.Host + ": " + f.Words()
}

// Unwrap returns the error of Call.Check for a bad answer, else nil.
func (f *Failure) Unwrap() error { return f.judged }

// Is makes a Failure for want of time a context.DeadlineExceeded.
func (f *Failure) Is(target error) bool {
	return target == context.DeadlineExceeded && (f.Kind == Timeout || f.Kind == ConnectTimeout)
}

// Connect reports that nothing of the request has left: another host may have
// it, whatever its method.
func (f *Failure) Connect() bool {
	switch f.Kind {
	case Timeout, Stalled, Closed, NotHTTP, BadAnswer, Canceled:
		return false
	}
	return true
}

// blamesHost reports whether the failure says something about the host's health.
func (f *Failure) blamesHost() bool {
	switch f.Kind {
	case Canceled, NoDescriptors, BreakerOpen, EgressRefused, Malformed:
		return false
	case BadAnswer:
		var said *errcode.Error
		return !errors.As(f.judged, &said) && (f.Status == http.StatusOK || f.Status >= 500)
	}
	return f.Egress == ""
}

// Words says what failed, without the host.
func (f *Failure) Words() string {
	words := f.words()
	if f.Detail != "" {
		words += ": " + f.Detail
	}
	if f.Kind == EgressRefused {
		return fmt.Sprintf("egress proxy %s %s", f.Egress, words)
	}
	if f.Egress != "" {
		return fmt.Sprintf("egress proxy %s: %s", f.Egress, words)
	}
	return words
}

func (f *Failure) words() string {
	switch f.Kind {
	case NoSuchHost:
		return "host name not found in DNS"
	case DNSTimeout:
		return "DNS lookup timed out"
	case DNSFailed:
		return "DNS lookup failed"
	case Refused:
		return "connection refused"
	case Unreachable:
		return "no route to host"
	case ConnectTimeout:
		return "connecting timed out"
	case NotTLS:
		return "the server does not speak TLS"
	case CertExpired:
		return "TLS certificate expired or not yet valid"
	case CertName:
		return "TLS certificate is for another host"
	case CertUntrusted:
		return "TLS certificate not trusted"
	case TLSFailed:
		return "TLS handshake failed"
	case EgressRefused:
		if f.Status == 0 {
			return "refused the connection"
		}
		return fmt.Sprintf("answered with HTTP status %d", f.Status)
	case NoDescriptors:
		return "this process is out of file descriptors"
	case BreakerOpen:
		return "circuit breaker open"
	case Malformed:
		return "the request cannot be written as HTTP"
	case Timeout:
		return "timed out waiting for the response"
	case Stalled:
		return "transfer stalled"
	case Closed:
		return "connection closed before the response was complete"
	case NotHTTP:
		return "invalid HTTP response"
	case BadAnswer:
		return "unexpected response"
	case Canceled:
		return "the caller canceled the request"
	}
	return "cannot connect"
}

// ProxyStatus returns the error type of RFC 9209, section 2.3.
func (f *Failure) ProxyStatus() string {
	switch f.Kind {
	case DNSTimeout:
		return "dns_timeout"
	case NoSuchHost, DNSFailed:
		return "dns_error"
	case Refused:
		return "connection_refused"
	case Unreachable:
		return "destination_ip_unroutable"
	case ConnectTimeout:
		return "connection_timeout"
	case CertExpired, CertName, CertUntrusted:
		return "tls_certificate_error"
	case NotTLS, TLSFailed:
		return "tls_protocol_error"
	case NoDescriptors, Malformed:
		return "proxy_internal_error"
	case Timeout:
		return "http_response_timeout"
	case NotHTTP, BadAnswer:
		return "http_protocol_error"
	case Stalled, Closed, Canceled:
		return "connection_terminated"
	}
	return "destination_unavailable"
}

// connectFailure says why a connection could not be made. It returns err itself
// where that is a *Failure already.
func connectFailure(err error) *Failure {
	var done *Failure
	if errors.As(err, &done) {
		return done
	}
	f := &Failure{Kind: connectKind(err)}
	if f.Kind == CertExpired {
		f.Detail = validity(err)
	}
	return f
}

func connectKind(err error) Kind {
	var (
		dns       *net.DNSError
		cert      *tls.CertificateVerificationError
		invalid   x509.CertificateInvalidError
		name      x509.HostnameError
		authority x509.UnknownAuthorityError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		timeout   net.Error
	)
	switch {
	case outOfDescriptors(err):
		return NoDescriptors
	case errors.As(err, &dns) && dns.IsNotFound:
		return NoSuchHost
	case errors.As(err, &dns) && dns.IsTimeout:
		return DNSTimeout
	case errors.As(err, &dns):
		return DNSFailed
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return CertExpired
	case errors.As(err, &name):
		return CertName
	case errors.As(err, &cert), errors.As(err, &authority), errors.As(err, &invalid):
		return CertUntrusted
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return NotTLS
	case errors.As(err, &alert):
		return TLSFailed
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, os.ErrPermission):
		return Unreachable
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return ConnectTimeout
	}
	return ConnectFailed
}

// outOfDescriptors reports our own shortage. A resolver that cannot open its
// files for want of a descriptor does not say so; opening another one does.
func outOfDescriptors(err error) bool {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return true
	}
	var dns *net.DNSError
	if !errors.As(err, &dns) {
		return false
	}
	f, err := os.Open(os.DevNull)
	if err == nil {
		_ = f.Close() // it was only to see
		return false
	}
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// validity gives the dates of a certificate that is not valid now.
func validity(err error) string {
	var invalid x509.CertificateInvalidError
	if !errors.As(err, &invalid) || invalid.Cert == nil {
		return ""
	}
	const day = "2006-01-02"
	return fmt.Sprintf("valid from %s to %s", invalid.Cert.NotBefore.UTC().Format(day), invalid.Cert.NotAfter.UTC().Format(day))
}
