package wechat

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

// answerCase is one way that a server may answer, and what both roads make of it:
// what net/http makes of it, where differs does not say otherwise.
type answerCase struct {
	name   string
	method string // "": POST
	answer string
	ends   ending
	only   string // the road that the case is about; "": both

	body    string
	whole   bool
	kind    Kind   // of the error; "": none
	conns   int64  // that two calls take
	differs string // from net/http, and why
}

// ending is what a server does behind its answer.
type ending int

const (
	goesOn ending = iota
	closes        // as one should, over TLS with a goodbye
	cuts          // without one
	resets
)

func (e ending) end(conn net.Conn) (goesOn bool) {
	switch e {
	case closes:
		_ = conn.Close() // the host's own
	case cuts:
		_ = tcp(conn).Close() // the host's own
	case resets:
		_ = tcp(conn).SetLinger(0)
		_ = tcp(conn).Close() // the host's own
	}
	return e == 0
}

// pattern is n bytes that might begin a JSON object, and in which none can move
// unnoticed.
func pattern(n int) string {
	var b strings.Builder
	b.WriteByte('{')
	for b.Len() < n {
		fmt.Fprintf(&b, "%d,", b.Len())
	}
	return b.String()[:n]
}

const (
	ok      = "HTTP/1.1 200 OK\r\n"
	length2 = "Content-Length: 2\r\n\r\n{}"
	chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
	early   = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
)

// answerCases are the answers in all forms that HTTP/1 has, and in those that it
// forbids.
func answerCases() []answerCase {
	long := pattern(100_000)
	cases := []answerCase{
		// A known length.
		{name: "of known length", answer: ok + length2, body: "{}", whole: true, conns: 1},
		{name: "to a GET", method: "GET", answer: ok + length2, body: "{}", whole: true, conns: 1},
		{name: "to OPTIONS", method: "OPTIONS", answer: ok + length2, body: "{}", whole: true, conns: 1},
		{name: "long", answer: ok + "Content-Length: 100000\r\n\r\n" + long, body: long, conns: 1},
		{name: "empty", answer: ok + "Content-Length: 0\r\n\r\n", whole: true, conns: 1},
		{name: "no JSON", answer: ok + "Content-Length: 6\r\n\r\n<html>", body: "<html>", whole: true, conns: 1},
		{name: "packed although nobody asked", answer: ok + "Content-Encoding: gzip\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "the same length twice", answer: ok + "Content-Length: 2\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "blanks around the length", answer: ok + "Content-Length: \t2 \r\n\r\n{}", body: "{}", whole: true, conns: 1},
		{name: "zeros before the length", answer: ok + "Content-Length: 0002\r\n\r\n{}", body: "{}", whole: true, conns: 1},
		{name: "two lengths", answer: ok + "Content-Length: 3\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "two lengths in a list", answer: ok + "Content-Length: 2, 2\r\n\r\n{}", kind: NotHTTP, conns: 2},
		{name: "a length that is empty", answer: ok + "Content-Length:\r\n\r\n{}", kind: NotHTTP, conns: 2},
		{name: "a length below zero", answer: ok + "Content-Length: -2\r\n\r\n{}", kind: NotHTTP, conns: 2},
		{name: "a length with a sign", answer: ok + "Content-Length: +2\r\n\r\n{}", kind: NotHTTP, conns: 2},
		{name: "a length that is none, and nothing behind it", answer: ok + "Content-Length: x\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "a length in hexadecimal", answer: ok + "Content-Length: 0x2\r\n\r\n{}", kind: NotHTTP, conns: 2},
		{name: "a length that is too long for any number", answer: ok + "Content-Length: 99999999999999999999\r\n\r\n{}", kind: NotHTTP, conns: 2},
		{name: "the largest length", answer: ok + "Content-Length: 9223372036854775807\r\n\r\n{}", ends: closes, kind: Closed, conns: 2},
		{name: "cut short", answer: ok + "Content-Length: 9\r\n\r\n{}", ends: closes, kind: Closed, conns: 2},
		{name: "cut short without a goodbye", answer: ok + "Content-Length: 9\r\n\r\n{}", ends: cuts, kind: Closed, conns: 2},
		{name: "cut short by a reset", answer: ok + "Content-Length: 9\r\n\r\n{}", ends: resets, kind: Closed, conns: 2},
		{name: "long and cut short", answer: ok + "Content-Length: 100001\r\n\r\n" + long, ends: closes, kind: Closed, conns: 2},

		// In chunks.
		{name: "in chunks", answer: chunked + "1;ext=1\r\n{\r\n1\r\n}\r\n0\r\nX-Trailer: SECRET\r\n\r\n", body: "{}", whole: true, conns: 1},
		{name: "long, in chunks", answer: ok + "Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n186a0\r\n" + long + "\r\n0\r\nX-T: SECRET\r\n\r\n", body: long, conns: 1},
		{name: "no chunks", answer: chunked + "0\r\n\r\n", whole: true, conns: 1},
		{name: "many chunks", answer: chunked + "1\r\n{\r\n" + strings.Repeat("1\r\nx\r\n", 6000) + "0\r\n\r\n", body: "{" + strings.Repeat("x", 6000), conns: 1},
		{name: "a length and chunks", answer: ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", body: "{}", whole: true, conns: 1},
		{name: "a length between chunks", answer: ok + "Transfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n2\r\n{}\r\n0\r\n\r\n", body: "{}", whole: true, conns: 1},
		{name: "Chunked in capitals", answer: ok + "Transfer-Encoding: CHUNKED\r\n\r\n2\r\n{}\r\n0\r\n\r\n", body: "{}", whole: true, conns: 1},
		{name: "a size in capitals", answer: chunked + "A\r\n{\"a\":1234}\r\n0\r\n\r\n", body: "{\"a\":1234}", whole: true, conns: 1},
		{name: "zeros before a size", answer: chunked + "0000000000000002\r\n{}\r\n0\r\n\r\n", body: "{}", whole: true, conns: 1},
		{name: "a blank behind a size", answer: chunked + "2 \r\n{}\r\n0\r\n\r\n", body: "{}", whole: true, conns: 1},
		{name: "many zeros for the last size", answer: chunked + "2\r\n{}\r\n0000\r\n\r\n", body: "{}", whole: true, conns: 1},
		{name: "a blank before a size", answer: chunked + " 2\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "a size of no digits", answer: chunked + "\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "an extension without a size", answer: chunked + ";x\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "a size below zero", answer: chunked + "-2\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "a size with a sign", answer: chunked + "+2\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "a size with a prefix", answer: chunked + "0x2\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "a size with an underscore", answer: chunked + "0_2\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "a size of 17 digits", answer: chunked + "10000000000000002\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "a size of 64 bits", answer: chunked + "ffffffffffffffff\r\n{}\r\n0\r\n\r\n", ends: closes, kind: Closed, conns: 2},
		{name: "a size that is no number", answer: chunked + "SECRET\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "a size that is no number, and nothing behind it", answer: chunked + "x\r\n", kind: NotHTTP, conns: 2},
		{name: "a chunk that is longer than its size", answer: chunked + "1\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "no line break behind a chunk", answer: chunked + "2\r\n{}0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "half a line break behind a chunk", answer: chunked + "2\r\n{}\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "half a line break behind a size", answer: chunked + "2\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "an extension of 5 kB", answer: chunked + "2;" + strings.Repeat("x", 5000) + "\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "far more extensions than chunks", answer: chunked + strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\n{\r\n", 100) + "0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "a trailer without a colon", answer: chunked + "2\r\n{}\r\n0\r\nSECRET\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "a trailer of 5 kB", answer: chunked + "2\r\n{}\r\n0\r\nX: " + strings.Repeat("x", 5000) + "\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "a trailer that is announced and must not be one", answer: ok + "Trailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "an unknown encoding", answer: ok + "Transfer-Encoding: gzip\r\n\r\n{}", kind: NotHTTP, conns: 2},
		{name: "two encodings", answer: ok + "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "chunks twice", answer: ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "chunks of HTTP/1.0", answer: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", ends: closes, body: "2\r\n{}\r\n0\r\n\r\n", conns: 2},
		{name: "cut before the first chunk", answer: chunked, ends: closes, kind: Closed, conns: 2},
		{name: "cut in a size", answer: chunked + "2", ends: closes, kind: Closed, conns: 2},
		{name: "cut in a chunk", answer: chunked + "2\r\n{", ends: closes, kind: Closed, conns: 2},
		{name: "cut behind a chunk", answer: chunked + "2\r\n{}", ends: closes, kind: Closed, conns: 2},
		{name: "cut before the last chunk", answer: chunked + "2\r\n{}\r\n", ends: closes, kind: Closed, conns: 2},
		{name: "cut in the last chunk", answer: chunked + "2\r\n{}\r\n0", ends: closes, kind: Closed, conns: 2},
		{name: "cut before the trailer", answer: chunked + "2\r\n{}\r\n0\r\n", ends: closes, kind: Closed, conns: 2},
		{name: "cut in the trailer", answer: chunked + "2\r\n{}\r\n0\r\nX: y\r\n", ends: closes, kind: Closed, conns: 2},
		{name: "reset in a chunk", answer: chunked + "2\r\n{", ends: resets, kind: Closed, conns: 2},

		// Until the end of the connection.
		{name: "until the end of the connection", answer: ok + "\r\n{}", ends: closes, body: "{}", whole: true, conns: 2},
		{name: "long, until the end of the connection", answer: ok + "\r\n" + long, ends: closes, body: long, conns: 2},
		{name: "nothing until the end of the connection", answer: ok + "\r\n", ends: closes, whole: true, conns: 2},
		{name: "until a reset", answer: ok + "\r\n{}", ends: resets, kind: Closed, conns: 2},
		{name: "until the end of TCP", answer: ok + "\r\n{}", ends: cuts, body: "{}", whole: true, conns: 2}, // also without TLS's

		// Which connections go on.
		{name: "of HTTP/1.0", answer: "HTTP/1.0 200 OK\r\n" + length2, body: "{}", whole: true, conns: 2},
		{name: "of HTTP/1.0 that goes on", answer: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "the last one", answer: ok + "Connection: close\r\n" + length2, body: "{}", whole: true, conns: 2},
		{name: "the last one, in a list", answer: ok + "Connection: keep-alive, Close\r\n" + length2, body: "{}", whole: true, conns: 2},
		{name: "the last one, in a second field", answer: ok + "Connection: keep-alive\r\nConnection: close\r\n" + length2, body: "{}", whole: true, conns: 2},
		{name: "more than its length", answer: ok + length2 + "}", body: "{}", whole: true, conns: 2},
		{name: "two at once", answer: ok + length2 + ok + length2, body: "{}", whole: true, conns: 2},
		{name: "two at once, in chunks", answer: strings.Repeat(chunked+"2\r\n{}\r\n0\r\n\r\n", 2), body: "{}", whole: true, conns: 2},
		{name: "one behind a broken one", answer: ok + "Content-Length: x\r\n\r\n" + ok + length2, kind: NotHTTP, conns: 2},
		{name: "one behind a broken header", answer: ok + "no field\r\n\r\n" + ok + length2, kind: NotHTTP, conns: 2},
		{name: "one behind broken chunks", answer: chunked + "2\r\n{}x\r\n" + ok + length2, kind: NotHTTP, conns: 2},
		{name: "one behind no HTTP", answer: "SECRET\r\n\r\n" + ok + length2, kind: NotHTTP, conns: 2},

		// Answers before the answer.
		{name: "behind interim ones", answer: "HTTP/1.1 100 Continue\r\n\r\n" + early + ok + length2, body: "{}", whole: true, conns: 1},
		{name: "behind one for WebDAV", answer: "HTTP/1.1 102 Processing\r\n\r\n" + ok + length2, body: "{}", whole: true, conns: 1},
		{name: "behind one of no known status", answer: "HTTP/1.1 199 X\r\n\r\n" + ok + length2, body: "{}", whole: true, conns: 1},
		{name: "behind nine interim ones", answer: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 9) + ok + length2, body: "{}", whole: true, conns: 1},
		{name: "behind ten interim ones", only: "lean", answer: strings.Repeat(early, 10) + ok + length2, kind: NotHTTP, conns: 2,
			differs: "the lean road reads ten headers for a call, net/http as many as fit its limit"},
		{name: "behind a hundred interim ones", only: "streaming", answer: strings.Repeat(early, 100) + ok + length2, body: "{}", whole: true, conns: 1},
		{name: "interim ones without end", answer: strings.Repeat(early, 3000), ends: closes, kind: NotHTTP, conns: 2},
		{name: "an interim one with a length", answer: "HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n" + ok + length2, body: "{}", whole: true, conns: 1},
		{name: "an interim one with a body", answer: "HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n{}" + ok + length2, kind: NotHTTP, conns: 2},
		{name: "an interim one that is the last", answer: "HTTP/1.1 100 Continue\r\n\r\n", ends: closes, kind: Closed, conns: 2},
		{name: "a broken interim one", answer: "HTTP/1.1 100 Continue\r\nX\r\n\r\n" + ok + length2, kind: NotHTTP, conns: 2},
		{name: "a change of protocol", answer: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", ends: closes, kind: NotHTTP, conns: 2,
			differs: "nobody asked for another protocol"},

		// Answers that have no body.
		{name: "HEAD", method: "HEAD", answer: ok + "Content-Length: 99\r\n\r\n", whole: true, conns: 2},
		{name: "HEAD without a length", method: "HEAD", answer: ok + "\r\n", whole: true, conns: 2},
		{name: "HEAD in chunks", method: "HEAD", answer: chunked, whole: true, conns: 2},
		{name: "HEAD with a body", method: "HEAD", answer: ok + length2, whole: true, conns: 2},
		{name: "HEAD with another answer", method: "HEAD", answer: ok + "Content-Length: 99\r\n\r\n" + ok + length2, whole: true, conns: 2},
		{name: "HEAD with two lengths", method: "HEAD", answer: ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n", kind: NotHTTP, conns: 2},
		{name: "204", answer: "HTTP/1.1 204 No Content\r\n\r\n", whole: true, conns: 2},
		{name: "204 with a length", answer: "HTTP/1.1 204 No Content\r\n" + "Content-Length: 2\r\n\r\n", whole: true, conns: 2},
		{name: "204 with a body", answer: "HTTP/1.1 204 No Content\r\n" + length2, whole: true, conns: 2},
		{name: "204 with chunks", answer: "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", whole: true, conns: 2},
		{name: "304 without a body", answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", whole: true, conns: 2},
		{name: "304 with a body", answer: "HTTP/1.1 304 Not Modified\r\n" + length2, whole: true, conns: 2},
		{name: "304 with another answer", answer: "HTTP/1.1 304 Not Modified\r\n\r\n" + ok + length2, whole: true, conns: 2},
		{name: "205 with a body", answer: "HTTP/1.1 205 Reset Content\r\n" + length2, body: "{}", whole: true, conns: 1},

		// Status lines.
		{name: "no reason", answer: "HTTP/1.1 200\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "an empty reason", answer: "HTTP/1.1 200 \r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "a reason in Chinese", answer: "HTTP/1.1 404 没有\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "a status of no known kind", answer: "HTTP/1.1 999 X\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "a status of two digits", answer: "HTTP/1.1 20 OK\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "a status of four digits", answer: "HTTP/1.1 2000 OK\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "a status below zero", answer: "HTTP/1.1 -20 OK\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "a status below 100", answer: "HTTP/1.1 099 OK\r\n" + length2, kind: NotHTTP, conns: 2, differs: "it is none"},
		{name: "a status with a sign", answer: "HTTP/1.1 +20 OK\r\n" + length2, kind: NotHTTP, conns: 2, differs: "it is none"},
		{name: "a status of zero", answer: "HTTP/1.1 000 OK\r\n" + length2, kind: NotHTTP, conns: 2, differs: "it is none"},
		{name: "a line break before it", answer: "\r\n" + ok + length2, kind: NotHTTP, conns: 2},
		{name: "a blank before it", answer: " " + ok + length2, kind: NotHTTP, conns: 2},
		{name: "two blanks in it", answer: "HTTP/1.1  200 OK\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "another protocol", answer: "ICY 200 OK\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "HTTP in small letters", answer: "http/1.1 200 OK\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "HTTP/2.0", answer: "HTTP/2.0 200 OK\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "HTTP/1.10", answer: "HTTP/1.10 200 OK\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "HTTP/0.9", answer: "{}", ends: closes, kind: Closed, conns: 2},
		{name: "nothing", answer: "", ends: closes, kind: Closed, conns: 2},
		{name: "nothing but a reset", answer: "", ends: resets, kind: Closed, conns: 2},
		{name: "cut in the status line", answer: "HTTP/1.1 2", ends: closes, kind: Closed, conns: 2},
		{name: "cut behind the status line", answer: ok, ends: closes, kind: Closed, conns: 2},
		{name: "cut in the header", answer: ok + "Content-Length: 2", ends: closes, kind: Closed, conns: 2},
		{name: "cut before the end of the header", answer: ok + "Content-Length: 2\r\n", ends: closes, kind: Closed, conns: 2},

		// Header fields.
		{name: "fields that occur twice", answer: ok + "Set-Cookie: b\r\nSet-Cookie: a\r\nset-cookie: c\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "an old field about caching", answer: ok + "Pragma: no-cache\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "a folded field", answer: ok + "X: a\r\n b\r\n\tc\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "a folded length", answer: ok + "Content-Length:\r\n 2\r\n\r\n{}", body: "{}", whole: true, conns: 1},
		{name: "a fold before the first field", answer: ok + " X: a\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "lines that end with LF", answer: "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", body: "{}", whole: true, conns: 1},
		{name: "escaped line breaks", answer: ok + "Location: /%0d%0aX:%20y\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "a field behind LF", answer: ok + "Location: /\nX: y\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "CR in a value", answer: ok + "Location: /\rX: y\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "CR CR LF", answer: ok + "X: y\r\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "NUL in a value", answer: ok + "X: a\x00b\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "a control character in a value", answer: ok + "X: a\x01\x7fb\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "NUL in a name", answer: ok + "X\x00: a\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "bytes above ASCII in a value", answer: ok + "X: \x80\xff 没\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "bytes above ASCII in a name", answer: ok + "X\xff: a\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "a blank before the colon", answer: ok + "X : a\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "a length with a blank before the colon", answer: ok + "Content-Length : 2\r\n\r\n{}", ends: closes, body: "{}", whole: true, conns: 2},
		{name: "no name", answer: ok + ": a\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "no colon", answer: ok + "X\r\n" + length2, kind: NotHTTP, conns: 2},
		{name: "an empty value", answer: ok + "X:\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "a header of 60 kB", answer: ok + "X: " + strings.Repeat("x", 60_000) + "\r\n" + length2, body: "{}", whole: true, conns: 1},
		{name: "a thousand fields", answer: ok + strings.Repeat("X: y\r\n", 1000) + length2, body: "{}", whole: true, conns: 1},
		{name: "a header of 70 KiB", answer: ok + "X: " + strings.Repeat("x", 70<<10) + "\r\n" + length2, kind: NotHTTP, conns: 2,
			differs: "net/http reads headers of 10 MiB"},
		{name: "twenty thousand fields", answer: ok + strings.Repeat("X: y\r\n", 20_000) + length2, kind: NotHTTP, conns: 2,
			differs: "as above"},
		{name: "a status line of 70 KiB", answer: "HTTP/1.1 200 " + strings.Repeat("x", 70<<10) + "\r\n" + length2, kind: NotHTTP, conns: 2,
			differs: "as above"},
	}
	// Lengths about those of memory pages and buffers.
	for _, page := range []int{maxPeek, 8192, 16384, 32768, 65536} {
		for n := page - 1; n <= page+1; n++ {
			body := pattern(n)
			c := answerCase{name: fmt.Sprintf("%d bytes", n), answer: fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", ok, n, body), body: body, whole: n < maxPeek, conns: 1}
			cases = append(cases, c)
			c.name, c.answer = c.name+" in a chunk", fmt.Sprintf("%s%x\r\n%s\r\n0\r\n\r\n", chunked, n, body)
			cases = append(cases, c)
			c.name, c.answer = c.name+" and two others", fmt.Sprintf("%s1\r\n{\r\n%x;x=y\r\n%s\r\n1\r\n}\r\n0\r\n\r\n", chunked, n, body)
			c.body, c.whole = "{"+body+"}", n+2 < maxPeek
			cases = append(cases, c)
		}
	}
	return cases
}

// outcome is what a call brought, as far as the roads have to agree with net/http.
type outcome struct {
	status int
	header http.Header
	length int64 // that is announced; -1: none
	body   string
	err    error
}

// sameAs reports whether o is what other, net/http's, is: the same, or nothing.
func (o outcome) sameAs(other outcome) bool {
	if o.err != nil || other.err != nil {
		return o.err != nil && other.err != nil
	}
	if other.length < 0 && o.length == int64(len(o.body)) { // all of it is there
		other.length = o.length
	}
	return o.status == other.status && o.length == other.length && o.body == other.body && reflect.DeepEqual(o.header, other.header)
}

// byNetHTTP is what net/http makes of an answer.
func byNetHTTP(ctx context.Context, t *http.Transport, method, url string) (o outcome) {
	t.DisableCompression, t.DisableKeepAlives = true, true
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader("{}"))
	if err != nil {
		return outcome{err: err}
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return outcome{err: err}
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return outcome{status: resp.StatusCode} // what follows is no body
	}
	body, err := io.ReadAll(resp.Body)
	return outcome{resp.StatusCode, resp.Header, resp.ContentLength, string(body), err}
}

// byRoad is what h make of an answer. Where they have all of it they know its length.
func byRoad(t *testing.T, h *Hosts, c Call) (outcome, Answer) {
	a, body, err := send(t, h, c)
	if err != nil {
		return outcome{err: err}, a
	}
	o := outcome{a.StatusCode, a.Header, a.ContentLength, body, nil}
	if a.Whole && c.Method != http.MethodHead && o.length != int64(len(body)) && !bodiless(a.StatusCode) {
		t.Errorf("all of a body of %d bytes is there, and its length is %d", len(body), o.length)
	}
	return o, a
}

// Both roads make of an answer what net/http makes of it. Each is asked for
// twice: the second call says whether the connection went on. And the trailers
// are dropped: they could carry anything.
func TestAnswers(t *testing.T) {
	cases := answerCases()
	for _, secure := range []bool{false, true} {
		for _, c := range cases {
			if c.method == "" {
				c.method = http.MethodPost
			}
			t.Run(c.name+" over "+network(secure), func(t *testing.T) { c.test(t, secure) })
		}
	}
}

func (c answerCase) test(t *testing.T, secure bool) {
	h := newHostOver(t, secure, func(conn net.Conn, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		_, err := io.WriteString(conn, c.answer)
		return c.ends.end(conn) && err == nil
	})
	want := byNetHTTP(t.Context(), &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h.roots}}, c.method, h.url+"/x")
	for _, r := range roads {
		if c.only != "" && c.only != r.name {
			continue
		}
		printed := netLog(t)
		before := h.conns.Load()
		hosts := h.hosts(t)
		for range 2 {
			got, a := byRoad(t, hosts, Call{Method: c.method, Path: "/x", Body: r.body("{}"), Timeout: time.Minute})
			if kindOf(got.err) != c.kind || got.body != c.body || got.err == nil && a.Whole != c.whole {
				t.Fatalf("%s road: %d bytes, whole %v, %v", r.name, len(got.body), a.Whole, got.err)
			}
			if got.err == nil && len(a.Trailer) > 0 {
				t.Errorf("%s road: a trailer: %v", r.name, a.Trailer)
			}
			if got.sameAs(want) != (c.differs == "") {
				t.Errorf("%s road: %d %v and %d bytes, %v", r.name, got.status, got.header, len(got.body), got.err)
				t.Errorf("net/http: %d %v and %d bytes, %v", want.status, want.header, len(want.body), want.err)
			}
		}
		if n := h.conns.Load() - before; n != c.conns {
			t.Errorf("%s road: %d connections, want %d", r.name, n, c.conns)
		}
		// Under the streaming road net/http does print what came with an answer. The
		// program shuts its logger.
		if text := printed.String(); text != "" && r.name == "lean" {
			t.Errorf("net/http printed %q", text)
		}
	}
}
