package emulate

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// success begins the answers of WeChat's that say so in words.
type success struct {
	Errcode int    `json:"errcode"`
	Errmsg  string `json:"errmsg"`
}

func ok() success { return success{0, "ok"} }

// encode is v as JSON the way WeChat writes it: & < > as they are, and no
// newline behind it, on which an SDK chokes. v holds strings and whole numbers
// alone, so it cannot fail.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Write answers 200 with doc. Some SDKs read no JSON but under its own content
// type, and nobody on the way may keep a credential.
func Write(w http.ResponseWriter, doc []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(doc)))
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(doc) // a client that has gone is told nothing
}
