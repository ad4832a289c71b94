// Command backend stands for WeChat in measurements: it answers as fast as it
// can, and 400 where the access_token is missing.
//
//	backend 127.0.0.1:9000
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: backend host:port")
	}
	l, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	a := newAnswers()
	for {
		conn, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go a.serve(conn)
	}
}

// answers are whole responses, ready to be written.
type answers struct{ info, token, megabyte, missing []byte }

func newAnswers() *answers {
	return &answers{
		info:     response("200 OK", "application/json; encoding=utf-8", []byte(`{"subscribe":1,"openid":"o6_bmjrPTlm6_2sgVt7hMZOPfL2M","language":"zh_CN","subscribe_time":1382694957,"remark":"","g":0}`)),
		token:    response("200 OK", "application/json", []byte(`{"access_token":"`+strings.Repeat("0", 157)+`","expires_in":7200}`)),
		megabyte: response("200 OK", "image/jpeg", bytes.Repeat([]byte("x"), 1<<20)),
		missing:  response("400 Bad Request", "text/plain", []byte("no access_token")),
	}
}

func response(status, contentType string, body []byte) []byte {
	head := fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: keep-alive\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\n\r\n", status, contentType, len(body))
	return append([]byte(head), body...)
}

func (a *answers) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 64<<10)
	for {
		answer, length, err := a.head(r)
		if err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, r, length); err != nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// head reads a request's head and chooses the answer.
func (a *answers) head(r *bufio.Reader) (answer []byte, length int64, err error) {
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, 0, err
		}
		switch {
		case first:
			answer = a.choose(line)
		case len(line) <= 2:
			return answer, length, nil
		case len(line) > 16 && bytes.EqualFold(line[:16], []byte("Content-Length: ")):
			if length, err = strconv.ParseInt(string(bytes.TrimSpace(line[16:])), 10, 64); err != nil {
				return nil, 0, err
			}
		}
	}
}

func (a *answers) choose(requestLine []byte) []byte {
	switch {
	case bytes.Contains(requestLine, []byte("/cgi-bin/stable_token")):
		return a.token
	case !bytes.Contains(requestLine, []byte("access_token=")):
		return a.missing
	case bytes.Contains(requestLine, []byte("/cgi-bin/media/get")):
		return a.megabyte
	default:
		return a.info
	}
}
