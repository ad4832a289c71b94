package emulate

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
)

// params are what a request says under names. SDKs put the same thing into the
// query, a form or JSON, and some say it twice; so a name may have several
// values here, and only [params.one] decides.
type params map[string][]string

// readParams collects what r says in its query and in body, its whole body,
// which the caller has bounded.
// What a body is, its first character tells: content types are not to be relied
// on (WxJava posts JSON to the path that WeChat has a GET for).
func readParams(r *http.Request, body []byte) (params, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost {
		return nil, malformed("this path takes GET and POST")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformed("the query cannot be read") // without err, which quotes a value
	}
	p := params(query)
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	switch {
	case len(body) == 0:
	case body[0] == '{':
		err = p.addJSON(body)
	default:
		err = p.addForm(body)
	}
	return p, err
}

func (p params) addForm(body []byte) error {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return malformed("the body is neither JSON nor a form")
	}
	for name, values := range form {
		p[name] = append(p[name], values...)
	}
	return nil
}

// addJSON adds the members of an object. It goes by tokens because a map would
// hide a name that is there twice.
func (p params) addJSON(doc []byte) error {
	if !json.Valid(doc) {
		return malformed("the body is not valid JSON")
	}
	d := json.NewDecoder(bytes.NewReader(doc)) // has no errors: doc is valid
	_, _ = d.Token()                           // the brace
	for d.More() {
		name, _ := d.Token()
		var value json.RawMessage
		_ = d.Decode(&value)
		p.add(name.(string), value)
	}
	return nil
}

// add adds a member: a string, else its JSON (a number for an appid is as good
// as a string of it, and an object is nobody's appid). null is nothing.
func (p params) add(name string, value json.RawMessage) {
	var s string
	switch {
	case string(value) == "null":
		return
	case json.Unmarshal(value, &s) != nil:
		s = string(value)
	}
	p[name] = append(p[name], s)
}

// one returns what is said under name, "" for nothing. Saying it twice in the
// same words is well, in different ones there is no telling what was meant.
func (p params) one(name string) (string, error) {
	var one string
	for _, v := range p[name] {
		switch {
		case v == "" || v == one:
		case one == "":
			one = v
		default:
			return "", malformed(name + " is given twice, and differently")
		}
	}
	return one, nil
}

// malformed is the refusal of a call that is wrong in itself.
func malformed(message string) *answer.Refusal {
	return &answer.Refusal{Status: http.StatusBadRequest, Kind: "http_request_error", Message: message}
}
