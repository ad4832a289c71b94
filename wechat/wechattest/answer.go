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

// answer is what WeChat says.
type answer struct {
	status   int
	ctype    string
	header   [][2]string
	body     []byte
	file     io.ReadSeeker // instead of body: streamed
	size     int64         // of file
	errcode  int
	rid      string
	executed bool
	refused  bool // for its token
}

// object is a JSON object with its members in the order given: name, value, …
// As WeChat does, it escapes nothing that need not be.
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

// ok is a success of api.weixin.qq.com's: no errcode unless the members say so.
func ok(members ...any) answer {
	return answer{status: http.StatusOK, ctype: typeOK, body: object(members...), executed: true}
}

// done is a success with errcode 0 in front, as the host that was called says
// it.
func (q *ask) done(members ...any) answer {
	a := ok(append([]any{"errcode", 0, "errmsg", "ok"}, members...)...)
	if q.isWeCom() {
		return a.weComHeader()
	}
	return a
}

// weComHeader gives a the header of qyapi.weixin.qq.com's answers.
func (a answer) weComHeader() answer {
	a.ctype = typeWeCom
	a.header = append(a.header, [2]string{"Error-Code", fmt.Sprint(a.errcode)}, [2]string{"Error-Msg", "ok"})
	return a
}

// page is an HTML page as gateways send it.
func page(status int) answer {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return answer{status: status, ctype: typeHTML, body: []byte("<html>\r\n<head><title>" + text +
		"</title></head>\r\n<body>\r\n<center><h1>" + text + "</h1></center>\r\n</body>\r\n</html>\r\n")}
}

// no is an errcode in the words of the host that was called.
func (q *ask) no(code int) answer {
	if q.isWeCom() {
		return q.weComNo(code)
	}
	rid := newRID(q.now)
	msg := words(code)
	switch code {
	case 40164:
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

func (q *ask) weComNo(code int) answer {
	hint := fmt.Sprintf("%d%d", q.now.UnixNano(), 100000+rand.IntN(900000))
	msg := fmt.Sprintf("%s, hint: [%s], from ip: %s, more info at https://open.work.weixin.qq.com/devtool/query?e=%d",
		wecomWords(code), hint, q.ip, code)
	a := answer{status: http.StatusOK, errcode: code, body: object("errcode", code, "errmsg", msg)}
	return a.weComHeader()
}

// refuse is no to a token.
func (q *ask) refuse(code int) answer {
	a := q.no(code)
	a.refused = true
	return a
}

// newRID makes a request id; its first group is the time.
func newRID(now time.Time) string {
	return fmt.Sprintf("%08x-%08x-%08x", uint32(now.Unix()), rand.Uint32(), rand.Uint32())
}

// words are WeChat's for an errcode. They change over the years; programs
// should not read them.
func words(code int) string {
	switch code {
	case -1:
		return "system error"
	case 40001:
		return "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
	case 40002:
		return "invalid grant_type"
	case 40003:
		return "invalid openid"
	case 40004:
		return "invalid media type"
	case 40005:
		return "invalid file type"
	case 40006:
		return "invalid media size"
	case 40007:
		return "invalid media_id"
	case 40013:
		return "invalid appid"
	case 40014:
		return "invalid access_token"
	case 40029:
		return "invalid code"
	case 40030:
		return "invalid refresh_token"
	case 40037:
		return "invalid template_id"
	case 40097:
		return "invalid args"
	case 40125:
		return "invalid appsecret"
	case 40129:
		return "invalid scene"
	case 40159:
		return "invalid length for path, or the data is not json string"
	case 40163:
		return "code been used"
	case 40164:
		return "invalid ip %s ipv6 ::ffff:%s, not in whitelist"
	case 40243:
		return "invalid appsecret, appsecret is frozen"
	}
	return moreWords(code)
}

func moreWords(code int) string {
	switch code {
	case 41001:
		return "access_token missing"
	case 41002:
		return "appid missing"
	case 41004:
		return "appsecret missing"
	case 41005:
		return "media data missing"
	case 41008:
		return "missing code"
	case 42001:
		return "access_token expired"
	case 43001:
		return "require GET method"
	case 43002:
		return "require POST method"
	case 44001:
		return "empty media data"
	case 44002:
		return "empty post data"
	case 45001:
		return "media size out of limit"
	case 45002:
		return "content size out of limit"
	case 45009:
		return "reach max api daily quota limit"
	case 45011:
		return "api minute-quota reach limit, must slower, retry next minute"
	case 47001:
		return "data format error"
	case 48001:
		return "api unauthorized"
	case 48006:
		return "forbid to clear quota because of reaching the limit"
	case 48017:
		return "the access point ip is offline"
	case 61014:
		return "must use component token for component api"
	case 76001:
		return "rid not found"
	case 76002:
		return "rid is malformed"
	case 76003:
		return "rid permission denied"
	case 76021:
		return "cgi_path not found"
	case 76022:
		return "could not use this cgi_path, no permission"
	}
	return "error"
}

// wecomWords are WeCom's.
func wecomWords(code int) string {
	switch code {
	case 40001:
		return "invalid credential"
	case 40013:
		return "invalid corpid"
	case 40056:
		return "invalid agentid"
	case 41002:
		return "corpid missing"
	case 41004:
		return "corpsecret missing"
	case 41011:
		return "missing agentid"
	case 45009:
		return "api freq out of limit"
	case 48002:
		return "API forbidden"
	case 60020:
		return "not allow to access from your ip"
	case 82001:
		return "All touser & toparty & totag invalid"
	case 93000:
		return "invalid webhook url"
	case 830002:
		return "media is too big, use Range"
	}
	return words(code)
}
