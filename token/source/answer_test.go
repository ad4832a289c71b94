package source

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

func tokenQuestion() question {
	return question{platform: errcode.MP, endpoint: errcode.Token, path: "/cgi-bin/token", field: "access_token"}
}

func TestRead(t *testing.T) {
	t.Parallel()
	const hour2 = 2 * time.Hour
	for _, c := range []struct {
		name   string
		status int
		body   string
		value  string // "": an error
		life   time.Duration
	}{
		{"WeChat's usual answer", 200, `{"access_token":"A_b-1","expires_in":7200}`, "A_b-1", hour2},
		{"with a yes in front", 200, `{"errcode":0,"errmsg":"ok","access_token":"A","expires_in":7200}`, "A", hour2},
		{"behind a BOM and white space", 200, "\xef\xbb\xbf\r\n {\"access_token\":\"A\",\"expires_in\":300}\n", "A", 5 * time.Minute},
		{"seconds in a string", 200, `{"access_token":"A","expires_in":"7200"}`, "A", hour2},
		{"seconds as a float", 200, `{"access_token":"A","expires_in":7200.0}`, "A", hour2},
		{"seconds with an exponent", 200, `{"access_token":"A","expires_in":7.2e3}`, "A", hour2},
		{"a whole week", 200, `{"access_token":"A","expires_in":604800}`, "A", 7 * 24 * time.Hour},
		{"twice: the last counts", 200, `{"access_token":"A","expires_in":1,"access_token":"B","expires_in":7200}`, "B", hour2},
		{"the longest value", 200, `{"access_token":"` + strings.Repeat("x", 4096) + `","expires_in":7200}`, strings.Repeat("x", 4096), hour2},

		{"more than a week", 200, `{"access_token":"A","expires_in":604801}`, "", 0},
		{"no life", 200, `{"access_token":"A","expires_in":0}`, "", 0},
		{"a negative life", 200, `{"access_token":"A","expires_in":-7200}`, "", 0},
		{"half a second more", 200, `{"access_token":"A","expires_in":7200.5}`, "", 0},
		{"an endless number", 200, `{"access_token":"A","expires_in":1e999}`, "", 0},
		{"a life in words", 200, `{"access_token":"A","expires_in":"two hours"}`, "", 0},
		{"a life of null", 200, `{"access_token":"A","expires_in":null}`, "", 0},
		{"no expires_in", 200, `{"access_token":"A"}`, "", 0},
		{"expires_in in another case", 200, `{"access_token":"A","Expires_In":7200}`, "", 0},
		{"an empty token", 200, `{"access_token":"","expires_in":7200}`, "", 0},
		{"a token of null", 200, `{"access_token":null,"expires_in":7200}`, "", 0},
		{"a token that is a number", 200, `{"access_token":12,"expires_in":7200}`, "", 0},
		{"a token with a space", 200, `{"access_token":"A B","expires_in":7200}`, "", 0},
		{"a token with a newline", 200, `{"access_token":"A\n","expires_in":7200}`, "", 0},
		{"a token that is not ASCII", 200, `{"access_token":"微信","expires_in":7200}`, "", 0},
		{"too long a token", 200, `{"access_token":"` + strings.Repeat("x", 4097) + `","expires_in":7200}`, "", 0},
		{"a ticket instead", 200, `{"ticket":"A","expires_in":7200}`, "", 0},
		{"nested", 200, `{"data":{"access_token":"A","expires_in":7200}}`, "", 0},
		{"a page", 200, `<html>login</html>`, "", 0},
		{"null", 200, `null`, "", 0},
		{"a list", 200, `[{"access_token":"A","expires_in":7200}]`, "", 0},
		{"nothing", 200, ``, "", 0},
		{"cut off", 200, `{"access_token":"A","expires_in":72`, "", 0},
		{"with rubbish behind", 200, `{"access_token":"A","expires_in":7200}x`, "", 0},
		{"a token and a no", 200, `{"access_token":"A","expires_in":7200,"errcode":40001}`, "", 0},
		{"a token with another status", 201, `{"access_token":"A","expires_in":7200}`, "", 0},
		{"a token from a host in trouble", 502, `{"access_token":"A","expires_in":7200}`, "", 0},
		{"a redirect", 302, ``, "", 0},
	} {
		got, err := tokenQuestion().read(c.status, []byte(c.body))
		if got.Value.Reveal() != c.value || got.ExpiresIn != c.life || (err == nil) != (c.value != "") {
			t.Errorf("%s: %q for %v, %v; want %q for %v", c.name, got.Value.Reveal(), got.ExpiresIn, err, c.value, c.life)
		}
	}
}

func TestReadTakesWeChatsNoApart(t *testing.T) {
	t.Parallel()
	const rid = "68aeab12-21ea79ab-3a4424cd"
	for _, status := range []int{200, 400, 412} {
		q := tokenQuestion()
		q.secrets = []string{"s3cret"}
		_, err := q.read(status, []byte(`{"errcode":40125,"errmsg":"invalid appsecret s3cret rid: `+rid+`"}`))
		var said *errcode.Error
		if !errors.As(err, &said) {
			t.Fatalf("HTTP %d: %v is not WeChat's", status, err)
		}
		want := errcode.Error{Platform: errcode.MP, Endpoint: errcode.Token, Code: 40125, Msg: "invalid appsecret ***", RID: rid}
		if *said != want {
			t.Errorf("HTTP %d: %+v, want %+v", status, *said, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"access_token":"A_b-1","expires_in":7200}`, `{"errcode":40013,"errmsg":"invalid appid"}`, `<html>`,
		`{"access_token":"A","expires_in":"7200.0"}`, "\xef\xbb\xbf{}", `{"errcode":"-1"}`,
	} {
		f.Add(200, []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		got, err := tokenQuestion().read(status, body)
		if err != nil {
			if !got.Value.IsZero() {
				t.Errorf("%q: a value beside %v", body, err)
			}
			return
		}
		v := got.Value.Reveal()
		if v == "" || len(v) > maxValue || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q: the value is %q", body, v)
		}
		if got.ExpiresIn < time.Second || got.ExpiresIn > maxLife || got.ExpiresIn%time.Second != 0 {
			t.Errorf("%q: it lives for %v", body, got.ExpiresIn)
		}
		if status != 200 || !json.Valid([]byte(strings.TrimPrefix(string(body), "\xef\xbb\xbf"))) {
			t.Errorf("HTTP %d %q was believed", status, body)
		}
	})
}
