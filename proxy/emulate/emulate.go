// Package emulate has the endpoints that the proxy answers itself instead of
// WeChat: tokens, tickets, and signatures for web pages. It reads requests and
// builds answers. Its caller decides who may ask, and provides the credentials.
//
// A request that is wrong in itself gives an *answer.Refusal.
//
//	emulate.go  JSON answers, and the refusal of a malformed request
//	params.go   parameters, wherever an SDK puts them: query, form or JSON
//	token.go    requests for a token, and the answer
//	ticket.go   requests for a ticket, and the answer
//	jssdk.go    signatures for wx.config and for cards
//	page.go     the page that is signed for, and which hosts are allowed
package emulate

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
)

// success is the start of those WeChat answers that report success.
type success struct {
	Errcode int    `json:"errcode"`
	Errmsg  string `json:"errmsg"`
}

func ok() success { return success{0, "ok"} }

// encode returns v as JSON the way WeChat writes it: & < > unescaped, and no
// newline at the end, because an SDK fails on one. It cannot fail, because v
// has only strings and integers.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Write answers 200 with a JSON document. Some SDKs read JSON only with its own
// content type, and no cache may keep a credential.
func Write(w http.ResponseWriter, doc []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(doc)))
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(doc) // the client may have gone
}

// malformed returns the refusal of a request that is wrong in itself.
func malformed(message string) *answer.Refusal {
	return &answer.Refusal{Status: http.StatusBadRequest, Kind: "http_request_error", Message: message}
}
