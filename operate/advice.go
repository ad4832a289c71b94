package operate

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

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Remedy is what to do, in two languages.
type Remedy struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

// networkTrouble says in plain words why a host could not be asked, and what to
// do. now is our clock, which certificates are held against.
func networkTrouble(err error, now time.Time) (detail string, advice *Remedy) {
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
		return fmt.Sprintf("DNS knows no %s", dns.Name), adviceName()
	case errors.As(err, &dns):
		return fmt.Sprintf("DNS did not tell the address of %s: %s", dns.Name, dns.Err), adviceDNS()
	case errors.As(err, &invalid):
		return certificateTrouble(invalid, now)
	case errors.As(err, &noTLS), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS: " + err.Error(), adviceTLS()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "it refuses the connection: " + err.Error(), adviceRefused()
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, os.ErrPermission):
		return "there is no way to it: " + err.Error(), adviceFirewall()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time: " + err.Error(), adviceFirewall()
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke off: " + err.Error(), adviceFirewall()
	default:
		return err.Error(), adviceOdd()
	}
}

// certificateTrouble says what is wrong with a certificate.
func certificateTrouble(err *tls.CertificateVerificationError, now time.Time) (detail string, advice *Remedy) {
	var (
		invalid x509.CertificateInvalidError
		name    x509.HostnameError
	)
	switch {
	case errors.As(err.Err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return fmt.Sprintf("its certificate is good from %s to %s, and this machine's clock says %s",
			day(invalid.Cert.NotBefore), day(invalid.Cert.NotAfter), now.UTC().Format(time.RFC3339)), adviceExpired()
	case errors.As(err.Err, &name) && name.Certificate != nil:
		return "its certificate is for other names than " + name.Host + ": " + strings.Join(name.Certificate.DNSNames, ", "), adviceTLS()
	case len(err.UnverifiedCertificates) > 0:
		return fmt.Sprintf("its certificate cannot be trusted: %v; it was issued by %s", err.Err, err.UnverifiedCertificates[0].Issuer), adviceIssuer()
	default:
		return "its certificate cannot be trusted: " + err.Err.Error(), adviceIssuer()
	}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// adviceErrcode says what to do about an errcode; never nil.
func adviceErrcode(e *errcode.Error) *Remedy {
	if a := errcode.AdviceFor(e.Platform, e.Endpoint, e.Code, e.Msg); a.EN != "" {
		return &Remedy{a.EN, a.ZH}
	}
	return &Remedy{
		"This number is not a usual answer to a request for a token: look it up in WeChat's list of return codes, and give WeChat the rid if you ask there.",
		"获取 access_token 时一般不会返回此错误码：请查阅微信文档的全局返回码；联系微信时请提供 rid。",
	}
}

func adviceName() *Remedy {
	return &Remedy{
		"Check the spelling in WECHAT_UPSTREAMS or WECOM_UPSTREAMS, and that this machine's DNS (of a container: its resolv.conf) knows names of the internet.",
		"请检查 WECHAT_UPSTREAMS / WECOM_UPSTREAMS 的拼写，以及本机（或容器 resolv.conf）的 DNS 能否解析公网域名。",
	}
}

func adviceDNS() *Remedy {
	return &Remedy{
		"This machine's DNS does not work: check /etc/resolv.conf (of a container: the cluster's DNS) and that port 53 is open.",
		"本机 DNS 不可用：请检查 /etc/resolv.conf（容器请检查集群 DNS）以及 53 端口是否放行。",
	}
}

func adviceRefused() *Remedy {
	return &Remedy{
		"Nothing listens there: check host and port in WECHAT_UPSTREAMS or WECOM_UPSTREAMS, a stale hosts file, and HTTPS_PROXY.",
		"该地址无服务监听：请检查 WECHAT_UPSTREAMS / WECOM_UPSTREAMS 的主机与端口、过期的 hosts 配置以及 HTTPS_PROXY。",
	}
}

func adviceFirewall() *Remedy {
	return &Remedy{
		"Let this machine reach WeChat's hosts on port 443: firewall, security group, NAT or egress policy; or set HTTPS_PROXY.",
		"请放行本机到微信域名 443 端口的出站访问（防火墙、安全组、NAT、出口策略），或设置 HTTPS_PROXY。",
	}
}

func adviceTLS() *Remedy {
	return &Remedy{
		"Something other than WeChat answers there: check WECHAT_UPSTREAMS or WECOM_UPSTREAMS, DNS and the hosts file, and HTTP proxies in between.",
		"应答方不是微信：请检查 WECHAT_UPSTREAMS / WECOM_UPSTREAMS、DNS 与 hosts 配置，以及中间的 HTTP 代理。",
	}
}

func adviceExpired() *Remedy {
	return &Remedy{
		"Set this machine's clock (NTP). If it is right, something other than WeChat answers there.",
		"请校准本机时间（NTP）。若本机时间正确，则应答方不是微信。",
	}
}

func adviceIssuer() *Remedy {
	return &Remedy{
		"Install the system's CA certificates (package ca-certificates). If a gateway of your company opens TLS, name its CA in SSL_CERT_FILE or exempt WeChat's hosts.",
		"请安装系统 CA 证书（ca-certificates）。若公司网关解密 TLS，请用 SSL_CERT_FILE 指定其 CA，或将微信域名加入例外。",
	}
}

func adviceOdd() *Remedy {
	return &Remedy{
		"The answer is not WeChat's, or WeChat has a problem: try again; if it persists, look for a captive portal, an HTTP proxy, or a wrong WECHAT_UPSTREAMS or WECOM_UPSTREAMS.",
		"应答不是微信的格式，或微信暂时异常：请重试；若仍如此，请检查认证门户、HTTP 代理或 WECHAT_UPSTREAMS / WECOM_UPSTREAMS 设置。",
	}
}

func adviceClock() *Remedy {
	return &Remedy{
		"Set this machine's clock (NTP): replicas that share a store, and certificates, depend on it.",
		"请校准本机时间（NTP）：共享存储的多个副本以及证书校验都依赖准确的时间。",
	}
}

func adviceLegacy() *Remedy {
	return &Remedy{
		"A running proxy notices and renews by itself. To make a check harmless, use WECHAT_TOKEN_API=stable, or keep tokens in a file or Redis with PROXY_TOKEN_STORE.",
		"运行中的代理会自动发现并更新。若要检查不影响现用 token，请改用 WECHAT_TOKEN_API=stable，或用 PROXY_TOKEN_STORE 保存到文件或 Redis。",
	}
}

func adviceDirectory() *Remedy {
	return &Remedy{
		"Give the directory of PROXY_TOKEN_STORE to the user who runs the proxy, writable, mode 0700; look whether the disk is full or read-only.",
		"请让运行代理的用户拥有 PROXY_TOKEN_STORE 目录并可写（权限 0700），并检查磁盘是否已满或只读。",
	}
}

func adviceRedis() *Remedy {
	return &Remedy{
		"Check address, password and TLS in PROXY_TOKEN_STORE, that this machine may reach Redis, and that its user may run scripts (EVAL). The proxy works without it, but then replicas share nothing.",
		"请检查 PROXY_TOKEN_STORE 的地址、密码与 TLS、到 Redis 的网络，以及该用户是否可执行脚本（EVAL）。Redis 不可用时代理仍可服务，但副本间不共享。",
	}
}
