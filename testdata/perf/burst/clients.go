package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"
)

// client is one keep-alive connection to the proxy.
type client struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
}

func dial(proxy, key string, n int) ([]*client, error) {
	request := fmt.Appendf(nil, "GET /cgi-bin/user/info?openid=o6_bmjrPTlm6_2sgVt7hMZOPfL2M&lang=zh_CN HTTP/1.1\r\nHost: %s\r\nUser-Agent: perf/1\r\nAccept: */*\r\nAuthorization: Bearer %s\r\n\r\n", proxy, key)
	clients := make([]*client, n)
	for i := range clients {
		conn, err := net.Dial("tcp", proxy)
		if err != nil {
			return nil, err
		}
		clients[i] = &client{conn: conn, in: bufio.NewReader(conn), request: request}
	}
	return clients, nil
}

// call makes one call, which must succeed.
func (c *client) call() error {
	if err := c.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || !bytes.Contains(body, []byte("openid")) {
		return fmt.Errorf("%s: %s", response.Status, body)
	}
	return nil
}

// answers tells when the answers to a burst came.
type answers struct {
	start time.Time
	took  []time.Duration // sorted
}

// percentile is the time within which so many of the calls had their answer.
func (a answers) percentile(percent int) time.Duration {
	return a.took[(len(a.took)*percent+99)/100-1]
}

// burst has all clients call at the same moment. All calls must succeed.
func burst(clients []*client) (answers, error) {
	begin := make(chan struct{})
	done := make(chan error)
	a := answers{took: make([]time.Duration, len(clients))}
	for i, c := range clients {
		go func() {
			<-begin
			err := c.call()
			a.took[i] = time.Since(a.start)
			done <- err
		}()
	}
	time.Sleep(50 * time.Millisecond) // all of them wait
	a.start = time.Now()
	close(begin)
	var failed []error
	for range clients {
		if err := <-done; err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return a, fmt.Errorf("%d of %d calls failed, the first: %w", len(failed), len(clients), failed[0])
	}
	slices.Sort(a.took)
	return a, nil
}
