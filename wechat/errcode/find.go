package errcode

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Answer is what Find found in a response.
type Answer struct {
	Code int
	Msg  string // errmsg without the rid, at most 512 bytes
	RID  string
}

// Find looks for a top-level errcode in doc, a whole document, perhaps behind
// a BOM and white space. It is found where doc is a JSON object that has the
// member, as a whole number or a string of one; of several the last counts. A
// look-alike within a string or a nested object is not it. Find allocates
// nothing when there is none.
func Find(doc []byte) (Answer, bool) {
	doc = bytes.TrimLeft(bytes.TrimPrefix(doc, bom), " \t\r\n")
	if len(doc) == 0 || doc[0] != '{' || !mayHold(doc) || !json.Valid(doc) {
		return Answer{}, false
	}
	var a Answer
	found := false
	eachMember(doc, func(key, value []byte) {
		switch {
		case keyIs(key, "errcode"):
			a.Code, found = number(value)
		case keyIs(key, "errmsg"):
			a.Msg, a.RID = words(value)
		}
	})
	return a, found
}

var bom = []byte("\xef\xbb\xbf")

// mayHold is a cheap no for nearly all answers: the name is there in plain, or
// letters are escaped.
func mayHold(doc []byte) bool {
	return bytes.Contains(doc, []byte("errcode")) || bytes.Contains(doc, []byte(`\u`))
}

// eachMember calls f with the raw key and value of each member of the object
// that doc, valid JSON, is.
func eachMember(doc []byte, f func(key, value []byte)) {
	i := skipSpace(doc, 1)
	for i < len(doc) && doc[i] == '"' {
		keyEnd := stringEnd(doc, i)
		start := skipSpace(doc, skipSpace(doc, keyEnd)+1) // behind the colon
		end := valueEnd(doc, start)
		f(doc[i:keyEnd], doc[start:end])
		if i = skipSpace(doc, end); doc[i] == '}' {
			return
		}
		i = skipSpace(doc, i+1) // behind the comma
	}
}

func skipSpace(doc []byte, i int) int {
	for i < len(doc) && (doc[i] == ' ' || doc[i] == '\n' || doc[i] == '\t' || doc[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns the index behind the string that begins at i.
func stringEnd(doc []byte, i int) int {
	for i++; doc[i] != '"'; i++ {
		if doc[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// valueEnd returns the index behind the value that begins at i.
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
				return i + 1 + depth // depth is -1 where the value was a bare one
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

// keyIs compares a raw key with name, whatever escapes it is written in.
func keyIs(key []byte, name string) bool {
	if bytes.IndexByte(key, '\\') < 0 {
		return string(key[1:len(key)-1]) == name
	}
	var s string
	return json.Unmarshal(key, &s) == nil && s == name
}

// number reads a whole number, bare or in a string.
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

const maxWords = 512

// words takes WeChat's words apart: what is said, and the rid behind it
// (WeChat docs: getAccessToken, FAQ: "… rid: 617682e0-21ea79xx-3a4424xx").
func words(value []byte) (msg, rid string) {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return "", ""
	}
	if i := strings.LastIndex(s, "rid: "); i >= 0 && validRID(s[i+5:]) {
		rid, s = s[i+5:], strings.TrimRight(s[:i], " ,")
	}
	if len(s) > maxWords {
		s = strings.ToValidUTF8(s[:maxWords], "")
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
