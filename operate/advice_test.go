package operate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

func TestNetworkTrouble(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	cert := &x509.Certificate{DNSNames: []string{"portal.example"}, NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(-1, 0, 0)}
	bad := func(err error) error {
		return &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{cert}, Err: err}
	}
	for _, c := range []struct {
		err    error
		want   string
		advice *Remedy
	}{
		{&net.DNSError{Err: "no such host", Name: "x.invalid", IsNotFound: true}, "DNS knows no x.invalid", adviceName()},
		{&net.DNSError{Err: "i/o timeout", Name: "api.weixin.qq.com", IsTimeout: true}, "DNS did not tell the address of api.weixin.qq.com: i/o timeout", adviceDNS()},
		{bad(x509.CertificateInvalidError{Cert: cert, Reason: x509.Expired}), "good from 2024-11-23 to 2025-11-23, and this machine's clock says 2026-11-23T12:00:00Z", adviceExpired()},
		{bad(x509.HostnameError{Certificate: cert, Host: "api.weixin.qq.com"}), "for other names than api.weixin.qq.com: portal.example", adviceTLS()},
		{bad(x509.UnknownAuthorityError{}), "cannot be trusted", adviceIssuer()},
		{&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, "no way to it", adviceFirewall()},
		{context.DeadlineExceeded, "no answer in time", adviceFirewall()},
		{io.ErrUnexpectedEOF, "broke off", adviceFirewall()},
		{errors.New("what is this"), "what is this", adviceOdd()},
	} {
		detail, advice := networkTrouble(fmt.Errorf("/cgi-bin/token: %w", c.err), now)
		if !strings.Contains(detail, c.want) || *advice != *c.advice {
			t.Errorf("%v: %q, %q", c.err, detail, advice.EN)
		}
	}
}

func TestEveryErrcodeHasAdvice(t *testing.T) {
	t.Parallel()
	for _, p := range []errcode.Platform{errcode.MP, errcode.WeCom} {
		for code := -1; code < 100_000; code++ {
			if a := adviceErrcode(&errcode.Error{Platform: p, Endpoint: errcode.Token, Code: code}); a.EN == "" || a.ZH == "" {
				t.Fatalf("%s %d: %+v", p, code, a)
			}
		}
	}
}
