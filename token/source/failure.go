package source

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// statusError is an answer whose HTTP status says that it is no credential.
type statusError int

func (e statusError) Error() string {
	s := "HTTP status " + strconv.Itoa(int(e))
	if text := http.StatusText(int(e)); text != "" {
		s += " " + text
	}
	return s
}

// answerError is an answer that makes no sense. The text goes on behind "the
// answer".
type answerError string

func (e answerError) Error() string { return "the answer " + string(e) }

var (
	errNoHosts = errors.New("no upstream is configured")
	errBadBase = errors.New("not a base URL like https://api.weixin.qq.com")
	errResting = errors.New("left alone for a while after its failures")
)

// blamesHost reports whether err is a failure of the host: no connection, no
// answer in time, a broken answer, a 5xx. What WeChat says in an errcode is
// none, and neither is a caller who went away.
func blamesHost(err error) bool {
	var said *errcode.Error
	var status statusError
	switch {
	case err == nil, errors.As(err, &said), errors.Is(err, context.Canceled):
		return false
	case errors.As(err, &status):
		return status >= 500
	default:
		return true
	}
}

// isWeChats reports whether err is WeChat's own word, which another host would
// say too.
func isWeChats(err error) bool {
	var said *errcode.Error
	return errors.As(err, &said)
}

// retired reports whether WeChat says that this access point is being switched
// off: its name must be resolved anew.
func retired(err error) bool {
	var said *errcode.Error
	if errors.As(err, &said) {
		return said.Verdict() == errcode.Retired
	}
	return errors.Is(err, statusError(http.StatusGone))
}

// forms lists what an error must not hold: s as it is, in a query and in quotes.
func forms(s secret.Secret) []string {
	if s.IsZero() {
		return nil
	}
	text := s.Reveal()
	quoted := strconv.Quote(text)
	return []string{text, url.QueryEscape(text), quoted[1 : len(quoted)-1]}
}

// mask takes the question's secrets out of words of WeChat's.
func (q question) mask(s string) string {
	for _, known := range q.secrets {
		s = strings.ReplaceAll(s, known, secret.Mask)
	}
	return s
}

// harmless returns err without the URL, which may hold a secret: net/http puts
// it into some of its errors. An error that quotes a secret in spite of that
// (a server may echo one in its first line) is withheld.
func (q question) harmless(err error) error {
	for u := (*url.Error)(nil); errors.As(err, &u); {
		err = u.Err
	}
	if text := err.Error(); q.mask(text) != text {
		return errWithheld
	}
	return err
}

var errWithheld = errors.New("the exchange failed, and the error is withheld since it quotes a secret")
