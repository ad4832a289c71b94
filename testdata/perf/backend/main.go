// Command backend stands for WeChat in measurements: it answers as fast as it
// can, and 400 where the access_token is missing. It is one thread over epoll, so
// that it never is what a measurement waits for.
//
//	backend 127.0.0.1:9000                                Linux
package main

import (
	"bytes"
	"fmt"
	"log"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: backend host:port")
	}
	listener, err := listen(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(serve(listener, newAnswers()))
}

// listen returns the descriptor of a listening socket.
func listen(address string) (int, error) {
	to, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return 0, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	at := &syscall.SockaddrInet4{Port: to.Port}
	copy(at.Addr[:], to.IP.To4())
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	if err := syscall.Bind(fd, at); err != nil {
		return 0, err
	}
	return fd, syscall.Listen(fd, 1024)
}

// serve takes connections and answers what comes on them.
func serve(listener int, a *answers) error {
	runtime.LockOSThread()
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	if err := watch(epoll, syscall.EPOLL_CTL_ADD, listener, syscall.EPOLLIN); err != nil {
		return err
	}
	conns := map[int]*conn{}
	events := make([]syscall.EpollEvent, 256)
	in := make([]byte, 64<<10)
	for {
		n, err := syscall.EpollWait(epoll, events, -1)
		if err != nil && err != syscall.EINTR {
			return err
		}
		for _, event := range events[:max(n, 0)] {
			fd := int(event.Fd)
			if fd == listener {
				accepted, _, err := syscall.Accept4(listener, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
				if err != nil {
					continue // the other side has left
				}
				_ = syscall.SetsockoptInt(accepted, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) // it is faster with it
				if err := watch(epoll, syscall.EPOLL_CTL_ADD, accepted, syscall.EPOLLIN); err != nil {
					return err
				}
				conns[accepted] = &conn{fd: accepted}
				continue
			}
			c := conns[fd]
			was := len(c.out) > 0
			if !c.serve(in, a) {
				delete(conns, fd)
				_ = syscall.Close(fd) // the other side has left
				continue
			}
			if is := len(c.out) > 0; is != was {
				wanted := uint32(syscall.EPOLLIN)
				if is {
					wanted = syscall.EPOLLOUT
				}
				if err := watch(epoll, syscall.EPOLL_CTL_MOD, fd, wanted); err != nil {
					return err
				}
			}
		}
	}
}

func watch(epoll, op, fd int, events uint32) error {
	return syscall.EpollCtl(epoll, op, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)})
}

// conn is a connection of the proxy's.
type conn struct {
	fd     int
	head   []byte // of a request, as far as it has come
	answer []byte // to the request whose body comes
	left   int    // bytes of that body
	out    []byte // what is still to be written
}

// serve does what can be done now, and reports whether the connection goes on.
func (c *conn) serve(in []byte, a *answers) bool {
	if len(c.out) > 0 {
		return c.write(c.out)
	}
	n, err := syscall.Read(c.fd, in)
	if err == syscall.EAGAIN {
		return true
	}
	if err != nil || n == 0 {
		return false
	}
	for in = in[:n]; ; {
		if c.answer != nil {
			n := min(c.left, len(in))
			in, c.left = in[n:], c.left-n
			if c.left > 0 {
				return true
			}
			answer := c.answer
			c.answer = nil
			if !c.write(answer) {
				return false
			}
		}
		if len(in) == 0 || len(c.out) > 0 {
			return true // nobody sends a request before the answer to the last one
		}
		c.head = append(c.head, in...)
		end := bytes.Index(c.head, []byte("\r\n\r\n"))
		if end < 0 {
			return true
		}
		in = in[len(in)-(len(c.head)-end-4):]
		c.answer, c.left = a.to(c.head[:end])
		c.head = c.head[:0]
	}
}

// write sends p, as far as that can be done now.
func (c *conn) write(p []byte) bool {
	n, err := syscall.Write(c.fd, p)
	if err != nil && err != syscall.EAGAIN {
		return false
	}
	c.out = p[max(n, 0):]
	return true
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

// to returns the answer to a request, and how long its body is.
func (a *answers) to(head []byte) (answer []byte, body int) {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	for len(fields) > 0 {
		var field []byte
		field, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		if name, value, _ := bytes.Cut(field, []byte(": ")); bytes.EqualFold(name, []byte("Content-Length")) {
			body, _ = strconv.Atoi(string(value)) // the proxies write numbers
		}
	}
	switch {
	case bytes.Contains(line, []byte("/cgi-bin/stable_token")):
		return a.token, body
	case !bytes.Contains(line, []byte("access_token=")):
		return a.missing, body
	case bytes.Contains(line, []byte("/cgi-bin/media/get")):
		return a.megabyte, body
	}
	return a.info, body
}
