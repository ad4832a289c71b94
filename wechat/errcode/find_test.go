package errcode

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	t.Parallel()
	const rid = "68aeab12-21ea79ab-3a4424cd"
	for _, c := range []struct {
		name, doc string
		code      int
		found     bool
	}{
		{"WeChat's usual no", `{"errcode":42001,"errmsg":"access_token expired rid: ` + rid + `"}`, 42001, true},
		{"a yes", `{"errcode":0,"errmsg":"ok"}`, 0, true},
		{"behind a BOM and white space", "\xef\xbb\xbf \r\n{ \"errcode\" : 40001 }", 40001, true},
		{"in a string", `{"errcode":"40001"}`, 40001, true},
		{"negative", `{"errcode":-1}`, -1, true},
		{"last of the members", `{"a":[1,{"b":2}],"c":"}","errmsg":"x","errcode":40014}`, 40014, true},
		{"with its name escaped", `{"\u0065rrcode":40001}`, 40001, true},
		{"twice: the last counts", `{"errcode":0,"errcode":40001}`, 40001, true},
		{"as a float that is whole", `{"errcode":4.0001e4}`, 40001, true},
		{"nested", `{"data":{"errcode":40001}}`, 0, false},
		{"in an array", `[{"errcode":40001}]`, 0, false},
		{"quoted", `{"text":"{\"errcode\":40001}"}`, 0, false},
		{"as a value", `{"a":"errcode","b":40001}`, 0, false},
		{"in another case", `{"ErrCode":40001}`, 0, false},
		{"null", `{"errcode":null}`, 0, false},
		{"a fraction", `{"errcode":1.5}`, 0, false},
		{"cut off", `{"errcode":40001,"errmsg":"x`, 0, false},
		{"with rubbish behind", `{"errcode":40001}x`, 0, false},
		{"no JSON", `errcode=40001`, 0, false},
		{"nothing", ``, 0, false},
		{"only a brace", `{`, 0, false},
		{"an empty object", `{}`, 0, false},
	} {
		a, found := Find([]byte(c.doc))
		if found != c.found || found && a.Code != c.code {
			t.Errorf("%s: %d %v, want %d %v", c.name, a.Code, found, c.code, c.found)
		}
	}
	a, _ := Find([]byte(`{"errcode":42001,"errmsg":"access_token expired rid: ` + rid + `"}`))
	if a.Msg != "access_token expired" || a.RID != rid {
		t.Errorf("words %q, rid %q", a.Msg, a.RID)
	}
}

// oracle is Find by encoding/json.
func oracle(doc []byte) (int, bool) {
	var m map[string]json.RawMessage
	doc = []byte(strings.TrimLeft(strings.TrimPrefix(string(doc), "\xef\xbb\xbf"), " \t\r\n"))
	if len(doc) == 0 || doc[0] != '{' || json.Unmarshal(doc, &m) != nil {
		return 0, false
	}
	var n json.Number
	if json.Unmarshal(m["errcode"], &n) != nil || n == "" {
		return 0, false
	}
	if i, err := strconv.Atoi(n.String()); err == nil {
		return i, true
	}
	f, err := n.Float64()
	return int(f), err == nil && float64(int(f)) == f
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{`{"errcode":40001}`, `{"errcode":"7"}`, `{"a":{"errcode":1},"errcode":2}`, `{"\u0065rrcode":[{}]}`, "\xef\xbb\xbf{}", `{"a":[1,2,"]"],"errcode" : 5 , "b":{}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		a, found := Find(doc)
		code, want := oracle(doc)
		if found != want || found && a.Code != code {
			t.Errorf("%q: %d %v, encoding/json says %d %v", doc, a.Code, found, code, want)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	for name, doc := range map[string]string{
		"none": `{"access_token":"x","expires_in":7200,"list":[1,2,3],"name":"somebody","city":"Guangzhou"}`,
		"ok":   `{"errcode":0,"errmsg":"ok","msgid":200228332}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Find([]byte(doc))
			}
		})
	}
}
