package config

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
)

// TLS holds the names of the PEM files for TLS on Listen. They were readable and
// matched each other when the Config was made.
type TLS struct {
	CertFile, KeyFile string // "": no TLS
	ClientCAFile      string // "": clients need no certificate
}

// tls checks that the files for TLS are readable and match each other.
func (l *loader) tls() TLS {
	env := l.env
	files := TLS{CertFile: env.TLSCertFile, KeyFile: env.TLSKeyFile, ClientCAFile: env.TLSClientCAFile}
	cert, hasCert := l.readPEM("PROXY_TLS_CERT_FILE", files.CertFile)
	key, hasKey := l.readPEM("PROXY_TLS_KEY_FILE", files.KeyFile)
	ca, hasCA := l.readPEM("PROXY_TLS_CLIENT_CA_FILE", files.ClientCAFile)
	switch {
	case files.CertFile != "" && files.KeyFile == "":
		l.problems.add("PROXY_TLS_KEY_FILE", "", "required with PROXY_TLS_CERT_FILE")
	case files.KeyFile != "" && files.CertFile == "":
		l.problems.add("PROXY_TLS_CERT_FILE", "", "required with PROXY_TLS_KEY_FILE")
	case hasCert && hasKey:
		if _, err := tls.X509KeyPair(cert, key); err != nil {
			l.problems.add("PROXY_TLS_CERT_FILE", shownPath("", files.CertFile), "does not match PROXY_TLS_KEY_FILE: %s", strings.TrimPrefix(err.Error(), "tls: "))
		}
	}
	if files.ClientCAFile != "" && files.CertFile == "" && files.KeyFile == "" {
		l.problems.add("PROXY_TLS_CLIENT_CA_FILE", shownPath("", files.ClientCAFile), "requires PROXY_TLS_CERT_FILE and PROXY_TLS_KEY_FILE")
	}
	if hasCA && !x509.NewCertPool().AppendCertsFromPEM(ca) {
		l.problems.add("PROXY_TLS_CLIENT_CA_FILE", shownPath("", files.ClientCAFile), "contains no PEM certificate")
	}
	return files
}

func (l *loader) readPEM(name, file string) (data []byte, ok bool) {
	if file == "" {
		return nil, false
	}
	data, err := l.read.file(file, maxFile)
	if err != nil {
		l.problems.add(name, shownPath("", file), "%v", err)
	}
	return data, err == nil
}
