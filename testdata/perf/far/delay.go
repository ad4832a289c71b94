package main

import (
	"net"
	"sync"
	"time"
)

// delayed is the server's end of a connection that is a round trip long: each
// byte takes half of it, either way, and so does the end of the stream. What is
// on the way waits in a queue, each chunk with the time it is due, so that the
// distance does not limit the throughput.
type delayed struct {
	net.Conn
	half    time.Duration
	in, out chan chunk
	first   chunk // of in, as far as it has not been read
	closed  chan struct{}
	close   sync.Once
}

type chunk struct {
	due   time.Time
	bytes []byte
	err   error // after the bytes
}

// delay puts conn, accepted just now, far away. The client believes that it is
// connected already; TCP would have taken a round trip for that, so nothing is
// sent before.
func delay(conn net.Conn, rtt time.Duration) net.Conn {
	d := &delayed{Conn: conn, half: rtt / 2, in: make(chan chunk, 1024), out: make(chan chunk, 1024), closed: make(chan struct{})}
	go d.receive(time.Now().Add(rtt))
	go d.send()
	return d
}

func (d *delayed) receive(connected time.Time) {
	for {
		p := make([]byte, 16<<10)
		n, err := d.Conn.Read(p)
		sent := time.Now()
		if sent.Before(connected) {
			sent = connected
		}
		select {
		case d.in <- chunk{due: sent.Add(d.half), bytes: p[:n], err: err}:
		case <-d.closed:
			return
		}
		if err != nil {
			return
		}
	}
}

func (d *delayed) Read(p []byte) (int, error) {
	if len(d.first.bytes) == 0 && d.first.err == nil {
		select {
		case d.first = <-d.in:
		case <-d.closed:
			return 0, net.ErrClosed
		}
		time.Sleep(time.Until(d.first.due))
	}
	n := copy(p, d.first.bytes)
	d.first.bytes = d.first.bytes[n:]
	if n == 0 {
		return 0, d.first.err
	}
	return n, nil
}

func (d *delayed) Write(p []byte) (int, error) {
	d.out <- chunk{due: time.Now().Add(d.half), bytes: append([]byte(nil), p...)}
	return len(p), nil
}

func (d *delayed) send() {
	defer d.Conn.Close()
	broken := false
	for c := range d.out {
		if broken {
			continue // Write must not block; the reader learns that the other side has left
		}
		time.Sleep(time.Until(c.due))
		_, err := d.Conn.Write(c.bytes)
		broken = err != nil
	}
}

// Close lets what was written arrive first. Nothing may be written after it.
func (d *delayed) Close() error {
	d.close.Do(func() {
		close(d.closed)
		close(d.out)
	})
	return nil
}

// SetWriteDeadline does nothing: crypto/tls sets one when it closes, and it
// would hit what is still on the way.
func (d *delayed) SetWriteDeadline(time.Time) error { return nil }
