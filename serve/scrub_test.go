package serve

import (
	"encoding/json"
	"strings"
	"testing"
)

const scrubSecret = "CANARY/0+1"

func newScrubber() *scrubber {
	s := &scrubber{}
	s.add(scrubSecret)
	return s
}

func TestScrubText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"what has no secret stays", `https://a/b?type=1&x=y {"code":5,"a":"b"}`, `https://a/b?type=1&x=y {"code":5,"a":"b"}`},
		{"a known secret, anywhere", "x" + scrubSecret + "y", "x***y"},
		{"escaped for a query", "x=CANARY%2F0%2B1", "x=***"},
		{"a token in a query", "access_token=abc&x=1", "access_token=***&x=1"},
		{"in any case and escaping", "?Access%5FToken=abc&x=1", "?Access%5FToken=***&x=1"},
		{"all secrets of a query", "https://a/?appid=wx1&secret=s&js_code=c&x=1#f", "https://a/?appid=wx1&secret=***&js_code=***&x=1#f"},
		{"a pushed query", `{"url":"https://a/?access_token=abc"}`, `{"url":"https://a/?access_token=***"}`},
		{"a member", `{"access_token":"abc","expires_in":7200}`, `{"access_token":"***","expires_in":7200}`},
		{"with white space", `{"refresh_token" : "a\/b" }`, `{"refresh_token" : "***" }`},
		{"cut off", `{"errcode":0,"access_token":"ab`, `{"errcode":0,"access_token":"***`},
		{"quoted once more", `"{\"access_token\":\"abc\",\"a\":\"b\"}"`, `"{\"access_token\":\"***\",\"a\":\"b\"}"`},
		{"escaped letters in a name", `{"access\u005ftoken":"abc"}`, `{"access_token":"***"}`},
		{"escaped letters in a known secret", `{"a":"CANARY\u002f0+1"}`, `{"a":"***"}`},
		{"in lower-case hex", "x=CANARY%2f0%2b1", "x=***"},
		{"nothing where a secret should be", `access_token=&a=b {"secret":""}`, `access_token=&a=b {"secret":""}`},
		{"a name that comes twice", `{"a":"CANARY\u002f0+1","a":"b"}`, `{"a":"b"}`},
		{"all below a name", `{"tokens":["a",{"b":"c"}]}`, `{"tokens":"***"}`},
		{"a number", `{"token":12345678901234567890,"n":12345678901234567890}`, `{"n":12345678901234567890,"token":"***"}`},
		{"a document in a document", `{"a":"{\"session\\u005fkey\":\"abc\"}"}`, `{"a":"{\"session_key\":\"***\"}"}`},
		{"a list", `[{"ticket":"abc"}]`, `[{"ticket":"***"}]`},
		{"XML", `<xml><ToUserName>a</ToUserName><Token><![CDATA[abc]]></Token></xml>`, `<xml><ToUserName>a</ToUserName><Token><![CDATA[***]]></Token></xml>`},
		{"the words of an error", "invalid appsecret rid: 617682e0-21ea79ab-3a4424cd", "invalid appsecret rid: 617682e0-21ea79ab-3a4424cd"},
		{"a picture", "\x89PNG\r\n\x1a\n", "\x89PNG\r\n\x1a\n"},
	} {
		if got := newScrubber().deep(c.in, 0); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestScrubDocument(t *testing.T) {
	t.Parallel()
	in := "\xef\xbb\xbf" + `{"errcode":0,"request":{"request_url":"access_token=abc&a=b","response_body":"{\"access_token\":\"abc\"}","cost_in_ms":30}}`
	want := `{"errcode":0,"request":{"cost_in_ms":30,"request_url":"access_token=***&a=b","response_body":"{\"access_token\":\"***\"}"}}`
	if got, err := newScrubber().document([]byte(in)); err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	for _, in := range []string{"", "<html>", `{"a":1`, "{} {}"} {
		if got, err := newScrubber().document([]byte(in)); err == nil {
			t.Errorf("%q: %s", in, got)
		}
	}
}

func FuzzScrub(f *testing.F) {
	for _, s := range []string{
		`{"a":"` + scrubSecret + `"}`, `{"access_token":"` + scrubSecret + `"}`, `"{\"token\":\"x\"}"`, `[1,"a=b&token=CANARY%2F0%2B1"]`,
		`{"a":"CANARY\u002f0+1"}`, `{"a":"{\"b\":\"CANARY\\u002f0+1\"}"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 4<<10 {
			return
		}
		got, err := newScrubber().document([]byte(in))
		if err != nil {
			return
		}
		if !json.Valid(got) || strings.Contains(string(got), scrubSecret) {
			t.Errorf("%q became %q", in, got)
		}
	})
}
