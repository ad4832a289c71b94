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

	Timeout   Kind = "timeout"    // no answer in time
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
	case Canceled, NoDescriptors, BreakerOpen, EgressRefused:
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
		return fmt.Sprintf("answered CONNECT with HTTP status %d", f.Status)
	case NoDescriptors:
		return "this process is out of file descriptors"
	case BreakerOpen:
		return "circuit breaker open"
	case Timeout:
		return "no answer in time"
	case Stalled:
		return "transfer stalled"
	case Closed:
		return "connection closed before the answer was complete"
	case NotHTTP:
		return "invalid HTTP response"
	case BadAnswer:
		return "unusable answer"
	case Canceled:
		return "canceled by the caller"
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
	case NoDescriptors:
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

// Advice says what an operator can do about the failure.
func (f *Failure) Advice() errcode.Advice {
	if f.Egress != "" {
		return errcode.Advice{
			EN: "The egress proxy of HTTPS_PROXY (or HTTP_PROXY) failed, not WeChat: check its address, its user and password, and that it allows CONNECT to WeChat's hosts on port 443.",
			ZH: "失败的是 HTTPS_PROXY（或 HTTP_PROXY）指定的出口代理，不是微信：请检查其地址、用户名密码，以及是否允许 CONNECT 到微信域名的 443 端口。",
		}
	}
	switch f.Kind {
	case NoSuchHost:
		return errcode.Advice{
			EN: "Check the spelling in WECHAT_UPSTREAMS or WECOM_UPSTREAMS, and that this machine's DNS (in a container: its resolv.conf) resolves public names.",
			ZH: "请检查 WECHAT_UPSTREAMS / WECOM_UPSTREAMS 的拼写，以及本机（或容器 resolv.conf）的 DNS 能否解析公网域名。",
		}
	case DNSTimeout, DNSFailed:
		return errcode.Advice{
			EN: "This machine's DNS does not work: check /etc/resolv.conf (in a container: the cluster's DNS) and that port 53 is open.",
			ZH: "本机 DNS 不可用：请检查 /etc/resolv.conf（容器请检查集群 DNS）以及 53 端口是否放行。",
		}
	case Refused:
		return errcode.Advice{
			EN: "Nothing listens there: check host and port in WECHAT_UPSTREAMS or WECOM_UPSTREAMS, and look for a stale hosts file.",
			ZH: "该地址无服务监听：请检查 WECHAT_UPSTREAMS / WECOM_UPSTREAMS 的主机与端口，以及过期的 hosts 配置。",
		}
	case NotTLS, CertName, TLSFailed:
		return errcode.Advice{
			EN: "The server there is not WeChat's: check WECHAT_UPSTREAMS or WECOM_UPSTREAMS, DNS and the hosts file, and HTTP proxies in between.",
			ZH: "应答方不是微信：请检查 WECHAT_UPSTREAMS / WECOM_UPSTREAMS、DNS 与 hosts 配置，以及中间的 HTTP 代理。",
		}
	case CertExpired:
		return errcode.Advice{
			EN: "Set this machine's clock (NTP). If it is right, the server there is not WeChat's.",
			ZH: "请校准本机时间（NTP）。若本机时间正确，则应答方不是微信。",
		}
	case CertUntrusted:
		return errcode.Advice{
			EN: "Install the system's CA certificates (package ca-certificates). If your company's gateway inspects TLS, name its CA in SSL_CERT_FILE or exempt WeChat's hosts.",
			ZH: "请安装系统 CA 证书（ca-certificates）。若公司网关解密 TLS，请用 SSL_CERT_FILE 指定其 CA，或将微信域名加入例外。",
		}
	case NoDescriptors:
		return errcode.Advice{
			EN: "Raise the limit of open files of this process (ulimit -n, LimitNOFILE).",
			ZH: "请提高本进程的打开文件数上限（ulimit -n、LimitNOFILE）。",
		}
	case BreakerOpen:
		return errcode.Advice{
			EN: "WeChat's hosts failed several times in a row; the proxy tries them again by itself.",
			ZH: "微信的主机连续失败，代理会自动重试。",
		}
	case NotHTTP, BadAnswer:
		return errcode.Advice{
			EN: "The server there is not WeChat's, or WeChat is in trouble: try again; then look for a captive portal, an HTTP proxy, or a wrong WECHAT_UPSTREAMS or WECOM_UPSTREAMS.",
			ZH: "应答不是微信的格式，或微信暂时异常：请重试；若仍如此，请检查认证门户、HTTP 代理或 WECHAT_UPSTREAMS / WECOM_UPSTREAMS 设置。",
		}
	}
	return errcode.Advice{
		EN: "Let this machine reach WeChat's hosts on port 443: check firewall, security group, NAT and egress policy; or set HTTPS_PROXY.",
		ZH: "请放行本机到微信域名 443 端口的出站访问（防火墙、安全组、NAT、出口策略），或设置 HTTPS_PROXY。",
	}
}
