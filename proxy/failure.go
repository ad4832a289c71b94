package proxy

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
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// failure says what a call's error means to its client. It repeats no words
// of net/http's, which may hold what WeChat echoed.
func failure(err error) *answer.Refusal {
	var unavailable *token.Unavailable
	var connect *connectError
	switch {
	case errors.Is(err, errTooLong):
		return &answer.Refusal{Status: http.StatusRequestEntityTooLarge, Message: "the body is too long", Err: err}
	case errors.Is(err, errSlow):
		return &answer.Refusal{Status: http.StatusRequestTimeout, Message: "the body came too slowly", Err: err}
	case errors.Is(err, errCutShort):
		return &answer.Refusal{Status: http.StatusBadRequest, Message: "the body broke off", Err: err}
	case errors.Is(err, errKeep):
		return &answer.Refusal{Status: http.StatusServiceUnavailable, Kind: "proxy_internal_error", Message: "the body could not be kept: it has no Content-Length, and the disk is full or missing", RetryAfter: time.Second, Err: err}
	case errors.As(err, &unavailable):
		return &answer.Refusal{
			Status: http.StatusServiceUnavailable, Kind: "destination_unavailable",
			Message: fmt.Sprintf("no %s: %v", unavailable.Key, unavailable.Err), RetryAfter: unavailable.RetryAfter, Err: err,
		}
	case errors.As(err, &connect):
		kind, words := connectKind(connect.err)
		return &answer.Refusal{Status: http.StatusBadGateway, Kind: kind, Message: "WeChat cannot be reached: " + words, Err: err}
	case errors.Is(err, errTimeout), errors.Is(err, context.DeadlineExceeded):
		return &answer.Refusal{Status: http.StatusGatewayTimeout, Kind: "http_response_timeout", Message: "WeChat gave no answer in time", Err: err}
	default:
		kind, words := brokenKind(err)
		return &answer.Refusal{Status: http.StatusBadGateway, Kind: kind, Message: words, Err: err}
	}
}

// refusalIn returns the answer of ours that err is, or holds; nil: none.
func refusalIn(err error) *answer.Refusal {
	if err == nil {
		return nil // nearly always: a good call allocates nothing for this
	}
	var r *answer.Refusal
	errors.As(err, &r)
	return r
}

// allOpen refuses a call that no host may have at present.
func allOpen(retryAfter time.Duration) *answer.Refusal {
	return &answer.Refusal{
		Status: http.StatusServiceUnavailable, Kind: "destination_unavailable",
		Message: "WeChat has failed too often and is left alone for a moment", RetryAfter: retryAfter, Err: errAllOpen,
	}
}

// connectKind is RFC 9209's name for a failure to connect, and ours.
func connectKind(err error) (kind, words string) {
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var alert tls.AlertError
	var timeout net.Error
	switch {
	case errors.As(err, &dns) && dns.IsTimeout:
		return "dns_timeout", "its name was not resolved in time"
	case errors.As(err, &dns):
		return "dns_error", "its name cannot be resolved"
	case errors.As(err, &cert), errors.As(err, &authority):
		return "tls_certificate_error", "its certificate is not trusted"
	case errors.As(err, &alert):
		return "tls_alert_received", "it refused the TLS handshake"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused", "connection refused"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "connection_timeout", "no connection in time"
	default:
		return "destination_unavailable", "no connection"
	}
}

// brokenKind is the same for a connection that was there.
func brokenKind(err error) (kind, words string) {
	if s := err.Error(); strings.Contains(s, "malformed") || strings.Contains(s, "bad ") || strings.Contains(s, "exceeded") {
		return "http_protocol_error", "WeChat's answer is not HTTP"
	}
	return "connection_terminated", "the connection to WeChat broke off"
}
