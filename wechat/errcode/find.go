package errcode

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Answer is the errcode that Find found in an answer, with its errmsg.
type Answer struct {
	Code int
	Msg  string // errmsg without the rid, at most 512 bytes
	RID  string // the rid at the end of errmsg; "" if there is none
}

// Find returns the top-level errcode of doc, a complete document that may begin
// with a BOM and white space. It reports false unless doc is a JSON object with a
// member errcode that is a whole number, or a string of one. Of several such
// members the last counts; an errcode in a nested object or inside a string does
// not. Find allocates nothing if it finds none.
func Find(doc []byte) (Answer, bool) {
	doc = bytes.TrimLeft(bytes.TrimPrefix(doc, []byte(bom)), " \t\r\n")
	if len(doc) == 0 || doc[0] != '{' || !mayContain(doc) || !json.Valid(doc) {
		return Answer{}, false
	}
	var a Answer
	found := false
	eachMember(doc, func(key, value []byte) {
		switch {
		case keyIs(key, "errcode"):
			a.Code, found = number(value)
		case keyIs(key, "errmsg"):
			a.Msg, a.RID = splitMessage(value)
		}
	})
	return a, found
}

const bom = "\xef\xbb\xbf"

// mayContain rules out most answers cheaply. It reports whether the name errcode
// occurs in doc, or could occur because letters are escaped.
func mayContain(doc []byte) bool {
	return bytes.Contains(doc, []byte("errcode")) || bytes.Contains(doc, []byte(`\u`))
}

// eachMember calls f with the raw key and value of each member of doc, which must
// be a valid JSON object.
func eachMember(doc []byte, f func(key, value []byte)) {
	i := skipSpace(doc, 1)
	for i < len(doc) && doc[i] == '"' {
		keyEnd := stringEnd(doc, i)
		start := skipSpace(doc, skipSpace(doc, keyEnd)+1) // after the colon
		end := valueEnd(doc, start)
		f(doc[i:keyEnd], doc[start:end])
		if i = skipSpace(doc, end); doc[i] == '}' {
			return
		}
		i = skipSpace(doc, i+1) // after the comma
	}
}

func skipSpace(doc []byte, i int) int {
	for i < len(doc) && (doc[i] == ' ' || doc[i] == '\n' || doc[i] == '\t' || doc[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns the index after the string that begins at i.
func stringEnd(doc []byte, i int) int {
	for i++; doc[i] != '"'; i++ {
		if doc[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// valueEnd returns the index after the value that begins at i.
func valueEnd(doc []byte, i int) int {
	depth := 0
	for i < len(doc) {
		switch doc[i] {
		case '"':
			i = stringEnd(doc, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				return i + 1 + depth // depth is -1 if the value was a number or a literal
			}
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// keyIs reports whether a raw key, with or without escapes, is name.
func keyIs(key []byte, name string) bool {
	if bytes.IndexByte(key, '\\') < 0 {
		return string(key[1:len(key)-1]) == name
	}
	var s string
	return json.Unmarshal(key, &s) == nil && s == name
}

// number parses a whole number, with or without quotes.
func number(value []byte) (int, bool) {
	if len(value) > 1 && value[0] == '"' {
		value = value[1 : len(value)-1]
	}
	if n, err := strconv.Atoi(string(value)); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(string(value), 64)
	if n := int(f); err == nil && float64(n) == f {
		return n, true
	}
	return 0, false
}

const maxFoundMsg = 512

// splitMessage splits a raw errmsg into the text and the rid at its end (WeChat
// docs: getAccessToken, FAQ: "… rid: 617682e0-21ea79xx-3a4424xx").
func splitMessage(value []byte) (msg, rid string) {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return "", ""
	}
	if i := strings.LastIndex(s, "rid: "); i >= 0 && validRID(s[i+5:]) {
		rid, s = s[i+5:], strings.TrimRight(s[:i], " ,")
	}
	if len(s) > maxFoundMsg {
		s = strings.ToValidUTF8(s[:maxFoundMsg], "")
	}
	return s, rid
}

func validRID(s string) bool {
	if len(s) != 26 || s[8] != '-' || s[17] != '-' {
		return false
	}
	for _, c := range s {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
