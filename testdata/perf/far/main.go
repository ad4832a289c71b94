// Command far stands for a WeChat that is far away: HTTPS, or HTTP without -ca,
// behind a simulated round trip. Its token can be declared dead:
//
//	far -listen 127.0.0.1:9000 -rtt 30ms -ca /tmp/far.pem
//
//	POST /control/kill?gate=300ms  the token is dead; the next one takes 300 ms to fetch
//	GET /control/state             {"fetches","rejected","answered"}: answered is when
//	                               a token was last handed out, in Unix nanoseconds
package main

import (
	"bufio"
	"crypto/tls"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

func main() {
	address := flag.String("listen", "", "host:port")
	rtt := flag.Duration("rtt", 30*time.Millisecond, "the round trip")
	ca := flag.String("ca", "", "serve HTTPS and write the certificate to trust to this file; without it: HTTP")
	flag.Parse()
	if *address == "" || flag.NArg() > 0 {
		flag.Usage()
		log.Fatal("far: -listen is needed, and no arguments")
	}

	wrap := func(conn net.Conn) net.Conn { return conn }
	if *ca != "" {
		config, err := selfSigned(*ca)
		if err != nil {
			log.Fatal(err)
		}
		wrap = func(conn net.Conn) net.Conn { return tls.Server(conn, config) }
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	account := &account{}
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		if *rtt > 0 {
			conn = delay(conn, *rtt)
		}
		go serve(wrap(conn), account)
	}
}

// serve answers the requests of one connection. It does without http.Server,
// which would cost more than what is measured here.
func serve(conn net.Conn, account *account) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return // the other side has left
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		if _, err := conn.Write(response(account.answer(r))); err != nil {
			return
		}
	}
}
