package emulate

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
)

// params are the parameters of a request. SDKs put the same one into the query,
// a form or JSON, and some send it twice. So a name may have several values
// here, and [params.one] decides.
type params map[string][]string

// readParams collects the parameters of r from its query and from body, its
// whole body, whose size the caller has limited. The first character of the body
// tells JSON from a form, because content types are unreliable. JSON may come
// with any path: WxJava posts it to one for which WeChat documents GET.
func readParams(r *http.Request, body []byte) (params, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost {
		return nil, malformed("this path accepts GET and POST")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformed("the query is malformed") // without err, which quotes a value
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

// addJSON adds the members of an object. It reads tokens, because decoding into
// a map would hide duplicate names.
func (p params) addJSON(doc []byte) error {
	if !json.Valid(doc) {
		return malformed("the body is not valid JSON")
	}
	d := json.NewDecoder(bytes.NewReader(doc)) // returns no errors, because doc is valid
	_, _ = d.Token()                           // the brace
	for d.More() {
		name, _ := d.Token()
		var value json.RawMessage
		_ = d.Decode(&value)
		p.add(name.(string), value)
	}
	return nil
}

// add adds a member: the text of a string, otherwise its JSON, so that a number
// works like a string of its digits. null adds nothing.
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

// one returns the value of name, or "" if it has none. The same value twice is
// fine; two different values are an error.
func (p params) one(name string) (string, error) {
	var one string
	for _, v := range p[name] {
		switch {
		case v == "" || v == one:
		case one == "":
			one = v
		default:
			return "", malformed(name + " has two different values")
		}
	}
	return one, nil
}
