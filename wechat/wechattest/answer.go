package wechattest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// The content types WeChat uses, as observed in the field.
const (
	typeOK    = "application/json; charset=utf-8"
	typeError = "application/json; encoding=utf-8" // sic
	typePlain = "text/plain"
	typeWeCom = "application/json; charset=UTF-8"
	typeHTML  = "text/html; charset=utf-8"
)

// answer is an answer of WeChat's.
type answer struct {
	status   int
	ctype    string
	header   [][2]string
	body     []byte
	file     io.ReadSeeker // if not nil, streamed instead of body
	size     int64         // of file
	errcode  int
	rid      string
	executed bool
	rejected bool // because of its token
}

// object returns a JSON object with its members in the given order: name, value,
// name, value. Like WeChat it escapes only what JSON requires.
func object(members ...any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	sep := byte('{')
	for i := 0; i+1 < len(members); i += 2 {
		b.WriteByte(sep)
		sep = ','
		_ = enc.Encode(members[i])
		b.Truncate(b.Len() - 1)
		b.WriteByte(':')
		_ = enc.Encode(members[i+1]) // strings, numbers and their slices only: cannot fail
		b.Truncate(b.Len() - 1)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// ok is a success without errcode.
func ok(members ...any) answer {
	return answer{status: http.StatusOK, ctype: typeOK, body: object(members...), executed: true}
}

// success is a success with errcode 0 first, in the shape of the host that was
// called.
func (q *request) success(members ...any) answer {
	a := ok(append([]any{"errcode", 0, "errmsg", "ok"}, members...)...)
	if q.isWeCom() {
		return a.weComHeader()
	}
	return a
}

// weComHeader adds the header that qyapi.weixin.qq.com sends.
func (a answer) weComHeader() answer {
	a.ctype = typeWeCom
	a.header = append(a.header, [2]string{"Error-Code", fmt.Sprint(a.errcode)}, [2]string{"Error-Msg", "ok"})
	return a
}

// page is an HTML page as gateways send them.
func page(status int) answer {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return answer{status: status, ctype: typeHTML, body: []byte("<html>\r\n<head><title>" + text +
		"</title></head>\r\n<body>\r\n<center><h1>" + text + "</h1></center>\r\n</body>\r\n</html>\r\n")}
}

// fail is an errcode with the errmsg of the host that was called.
func (q *request) fail(code int) answer {
	if q.isWeCom() {
		return q.weComFail(code)
	}
	rid := newRID(q.now)
	msg := message(code)
	if code == 40164 {
		msg = fmt.Sprintf(msg, q.ip, q.ip)
	}
	a := answer{
		status: http.StatusOK, ctype: typeError, errcode: code, rid: rid,
		body: object("errcode", code, "errmsg", msg+" rid: "+rid),
	}
	if plainErrors(q.path) {
		a.ctype = typePlain
	}
	return a
}

func (q *request) weComFail(code int) answer {
	hint := fmt.Sprintf("%d%d", q.now.UnixNano(), 100000+rand.IntN(900000))
	msg := fmt.Sprintf("%s, hint: [%s], from ip: %s, more info at https://open.work.weixin.qq.com/devtool/query?e=%d",
		weComMessage(code), hint, q.ip, code)
	a := answer{status: http.StatusOK, errcode: code, body: object("errcode", code, "errmsg", msg)}
	return a.weComHeader()
}

// reject is fail for a call whose token is not accepted.
func (q *request) reject(code int) answer {
	a := q.fail(code)
	a.rejected = true
	return a
}

// newRID returns a request id. Its first group is the time.
func newRID(now time.Time) string {
	return fmt.Sprintf("%08x-%08x-%08x", uint32(now.Unix()), rand.Uint32(), rand.Uint32())
}
