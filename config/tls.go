package config

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
)

// TLS names the files for TLS on Listen, all in PEM. They were readable and
// fitted each other when the Config was made.
type TLS struct {
	CertFile, KeyFile string // "": no TLS
	ClientCAFile      string // "": clients need no certificate
}

// tls reads the files for TLS, to see that they fit.
func (l *loader) tls() TLS {
	env := l.env
	files := TLS{CertFile: env.TLSCertFile, KeyFile: env.TLSKeyFile, ClientCAFile: env.TLSClientCAFile}
	cert, hasCert := l.pem("PROXY_TLS_CERT_FILE", files.CertFile)
	key, hasKey := l.pem("PROXY_TLS_KEY_FILE", files.KeyFile)
	ca, hasCA := l.pem("PROXY_TLS_CLIENT_CA_FILE", files.ClientCAFile)
	switch {
	case files.CertFile != "" && files.KeyFile == "":
		l.problems.add("PROXY_TLS_KEY_FILE", "", "is not set, but PROXY_TLS_CERT_FILE is")
	case files.KeyFile != "" && files.CertFile == "":
		l.problems.add("PROXY_TLS_CERT_FILE", "", "is not set, but PROXY_TLS_KEY_FILE is")
	case hasCert && hasKey:
		if _, err := tls.X509KeyPair(cert, key); err != nil {
			l.problems.add("PROXY_TLS_CERT_FILE", fileName(files.CertFile), "does not go with PROXY_TLS_KEY_FILE: %s", strings.TrimPrefix(err.Error(), "tls: "))
		}
	}
	if files.ClientCAFile != "" && files.CertFile == "" && files.KeyFile == "" {
		l.problems.add("PROXY_TLS_CLIENT_CA_FILE", fileName(files.ClientCAFile), "needs PROXY_TLS_CERT_FILE and PROXY_TLS_KEY_FILE")
	}
	if hasCA && !x509.NewCertPool().AppendCertsFromPEM(ca) {
		l.problems.add("PROXY_TLS_CLIENT_CA_FILE", fileName(files.ClientCAFile), "holds no certificate in PEM")
	}
	return files
}

func (l *loader) pem(name, file string) (data []byte, ok bool) {
	if file == "" {
		return nil, false
	}
	data, err := l.read.file(file, maxFile)
	if err != nil {
		l.problems.add(name, fileName(file), "%v", err)
	}
	return data, err == nil
}
