package wechat

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// breakerOf is a breaker whose handshakes go as *well says. It notes its changes.
func breakerOf(t *testing.T, well *atomic.Bool) (b *breaker, changes *[]string) {
	t.Helper()
	changes = &[]string{}
	var mu sync.Mutex
	b = newBreaker("host", 5*time.Second, func(context.Context) error {
		if well.Load() {
			return nil
		}
		return errors.New("no")
	}, func(from, to string) {
		mu.Lock()
		defer mu.Unlock()
		*changes = append(*changes, from+" → "+to)
	})
	t.Cleanup(b.close)
	return b, changes
}

// call makes a short call that goes as v says; it reports whether it was let
// through.
func (b *breaker) call(v verdict, path string) bool {
	through, ok := b.allow(context.Background(), true)
	if ok {
		b.tell(through, v, path)
	}
	return ok
}

func (b *breaker) state() string { return b.cb.State().String() }

func TestWhenABreakerOpens(t *testing.T) {
	t.Parallel()
	mixed := func(failures, successes int) (calls []verdict) {
		for i := range max(failures, successes) {
			if i < successes {
				calls = append(calls, worked)
			}
			if i < failures {
				calls = append(calls, pathFailed)
			}
		}
		return calls
	}
	repeat := func(v verdict, n int) []verdict { return slices.Repeat([]verdict{v}, n) }
	for _, c := range []struct {
		name  string
		calls []verdict
		open  bool
	}{
		{"four failures in a row", repeat(pathFailed, 4), false},
		{"five failures in a row", repeat(pathFailed, 5), true},
		{"five failures to connect", repeat(hostFailed, 5), true},
		{"a success between", append(repeat(pathFailed, 4), append(repeat(worked, 1), repeat(pathFailed, 4)...)...), false},
		{"half of 20", mixed(10, 10), true},
		{"half of 18", mixed(9, 9), false},
		{"a third of 42", slices.Repeat([]verdict{worked, worked, pathFailed}, 14), false},
		{"what is no fault of the host's", repeat(nothing, 50), false},
		{"half of 20 among many that are no fault of the host's", append(repeat(nothing, 60), mixed(10, 10)...), true},
		{"what is no fault of the host's between failures", []verdict{pathFailed, pathFailed, nothing, nothing, pathFailed, pathFailed, nothing, pathFailed}, true},
	} {
		b, _ := breakerOf(t, new(atomic.Bool))
		for _, v := range c.calls {
			b.call(v, "/x")
		}
		if open := b.state() == "open"; open != c.open {
			t.Errorf("%s: the breaker is %s", c.name, b.state())
		}
	}
}

func TestOldFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := breakerOf(t, new(atomic.Bool))
		for range 30 {
			b.call(pathFailed, "/x")
			b.call(worked, "/x")
			time.Sleep(1100 * time.Millisecond) // never 20 calls within 10 s
		}
		if b.state() != "closed" {
			t.Error("18 calls within 10 s, half of them failed, have opened the breaker")
		}
	})
}

// One path that fails does not close the host to the others, as long as those
// work. Where they fail too, or nobody calls another, it is the host.
func TestOneSickPath(t *testing.T) {
	t.Parallel()
	type step struct {
		path string
		v    verdict
	}
	sick, well := step{"/sick", pathFailed}, step{"/well", worked}
	times := func(n int, steps ...step) []step { return slices.Repeat(steps, n) }
	for _, c := range []struct {
		name  string
		steps []step
		open  bool
	}{
		{"in turn", times(50, sick, well), false},
		{"mostly the sick one", times(20, append(times(9, sick), well)...)[1:], true}, // nine in a row at first, and nobody else had called
		{"a good one, then mostly the sick one", append([]step{sick, well}, times(20, append(times(9, sick), well)...)...), false},
		{"the sick one alone", times(5, sick), true},
		{"the good one was just before", append(times(5, well), times(50, sick)...), false},
		{"two sick ones", times(10, sick, step{"/other", pathFailed}, well), true},
		{"failures to connect besides", append([]step{sick, well}, times(5, step{"/sick", hostFailed})...), true},
		{"the sick path alone has good calls too", times(20, sick, step{"/sick", worked}), true},
	} {
		b, _ := breakerOf(t, new(atomic.Bool))
		for _, s := range c.steps {
			b.call(s.v, s.path)
		}
		if open := b.state() == "open"; open != c.open {
			t.Errorf("%s: the breaker is %s", c.name, b.state())
		}
	}
}

// A success that is long past says nothing for the host.
func TestOneSickPathAfterAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := breakerOf(t, new(atomic.Bool))
		b.call(worked, "/well")
		time.Sleep(failureWindow)
		for range 5 {
			b.call(pathFailed, "/sick")
		}
		if b.state() != "open" {
			t.Errorf("the breaker is %s", b.state())
		}
	})
}

// A sick path that is called all the time does not keep a host closed to the
// others, once it has rested.
func TestASickPathProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := breakerOf(t, new(atomic.Bool))
		for range 5 {
			b.call(hostFailed, "/x") // an outage
		}
		time.Sleep(13 * time.Second) // a handshake has failed meanwhile, and nothing is left of it but the sick path
		for range 20 {
			b.call(pathFailed, "/sick")
		}
		if !b.call(worked, "/well") || b.state() != "closed" {
			t.Errorf("the breaker is %s", b.state())
		}
		for range 20 {
			b.call(pathFailed, "/sick")
		}
		if b.state() != "closed" {
			t.Errorf("afterwards the breaker is %s", b.state())
		}
		// Where nobody else calls, the host is left alone after a while.
		other, _ := breakerOf(t, new(atomic.Bool))
		for range 5 {
			other.call(pathFailed, "/sick")
		}
		time.Sleep(5*time.Second + time.Millisecond)
		other.call(pathFailed, "/sick")
		time.Sleep(2500 * time.Millisecond)
		if other.call(pathFailed, "/sick"); other.state() != "open" {
			t.Errorf("the breaker is %s", other.state())
		}
	})
}

// Failures count although their calls began long ago, and in a row although they
// come seldom.
func TestSlowFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow, _ := breakerOf(t, new(atomic.Bool))
		var calls []passage
		for range 5 {
			through, _ := slow.allow(t.Context(), true)
			calls = append(calls, through)
		}
		time.Sleep(30 * time.Second)
		for i, through := range calls {
			slow.tell(through, pathFailed, fmt.Sprint("/", i))
		}
		if slow.state() != "open" {
			t.Errorf("after five time-outs the breaker is %s", slow.state())
		}
		seldom, _ := breakerOf(t, new(atomic.Bool))
		for i := range 5 {
			seldom.call(pathFailed, fmt.Sprint("/", i))
			time.Sleep(3 * time.Second)
		}
		if seldom.state() == "closed" {
			t.Error("five failures in a row, one every 3 s, open nothing")
		}
		late, _ := breakerOf(t, new(atomic.Bool))
		for range 5 {
			late.call(hostFailed, "/x")
		}
		time.Sleep(5*time.Second + time.Millisecond)
		through, _ := late.allow(t.Context(), true)
		time.Sleep(20 * time.Second) // the probe takes longer than the window
		if late.tell(through, worked, "/x"); late.state() != "closed" {
			t.Errorf("after a slow probe that worked the breaker is %s", late.state())
		}
	})
}

// A host that is well again is known to be well within twice the rest, with no
// call at all; and one that is not gets no calls.
func TestAHostRecoversWithoutTraffic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var well atomic.Bool
		b, changes := breakerOf(t, &well)
		for range 5 {
			b.call(hostFailed, "/x")
		}
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if b.state() != "open" {
			t.Errorf("after a handshake that failed the breaker is %s", b.state())
		}
		well.Store(true)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if b.state() != "closed" {
			t.Errorf("after twice its rest the breaker is %s: %q", b.state(), *changes)
		}
		// A handshake says little: the next failure opens it again.
		b.call(pathFailed, "/x")
		if b.state() != "open" {
			t.Errorf("after a failure behind the handshake the breaker is %s", b.state())
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		b.call(worked, "/x")
		b.call(pathFailed, "/x")
		if b.state() != "closed" {
			t.Errorf("after a call that worked one failure makes it %s", b.state())
		}
	})
}

// The first short call after the rest is the probe, and the only one.
func TestAShortCallProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := breakerOf(t, new(atomic.Bool))
		for range 5 {
			b.call(pathFailed, "/x")
		}
		if b.call(worked, "/x") {
			t.Error("a call was let through while the breaker was open")
		}
		time.Sleep(5*time.Second + time.Millisecond)
		done, ok := b.allow(t.Context(), true)
		if !ok {
			t.Fatal("no probe was let through")
		}
		if b.call(worked, "/x") {
			t.Error("a second call was let through beside the probe")
		}
		time.Sleep(2 * time.Second) // less than half a rest
		if b.call(worked, "/x") {
			t.Error("a second call was let through beside the probe")
		}
		b.tell(done, worked, "/x")
		if b.state() != "closed" || !b.call(worked, "/x") {
			t.Errorf("after the probe the breaker is %s", b.state())
		}
	})
}

// A probe that takes long gives its place to another: a slow path does not hold
// everybody up.
func TestASlowProbeGivesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, late := range []verdict{worked, pathFailed} {
			b, _ := breakerOf(t, new(atomic.Bool))
			for range 5 {
				b.call(pathFailed, "/x")
			}
			time.Sleep(5*time.Second + time.Millisecond)
			slow, ok := b.allow(t.Context(), true)
			if !ok {
				t.Fatal("no probe was let through")
			}
			time.Sleep(2*time.Second + 500*time.Millisecond)
			if !b.call(nothing, "/x") || b.state() != "half-open" {
				t.Error("no second probe after half a rest")
			}
			if !b.call(worked, "/x") || b.state() != "closed" {
				t.Errorf("after a probe that worked the breaker is %s", b.state())
			}
			b.tell(slow, late, "/slow")
			if b.state() != "closed" {
				t.Errorf("the late end of the slow probe makes it %s", b.state())
			}
		}
		b, _ := breakerOf(t, new(atomic.Bool))
		for range 5 {
			b.call(pathFailed, "/x")
		}
		time.Sleep(5*time.Second + time.Millisecond)
		slow, _ := b.allow(t.Context(), true)
		time.Sleep(2*time.Second + 500*time.Millisecond)
		b.call(nothing, "/x")
		b.tell(slow, worked, "/slow")
		if b.state() != "closed" {
			t.Errorf("after the late success of the slow probe the breaker is %s", b.state())
		}
	})
}

// An upload never is the probe: it shakes hands first, and then the door is open
// for everybody.
func TestAnUploadDoesNotProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var well atomic.Bool
		b, _ := breakerOf(t, &well)
		for range 5 {
			b.call(pathFailed, "/x")
		}
		time.Sleep(5*time.Second + time.Millisecond)
		if _, ok := b.allow(t.Context(), false); ok {
			t.Error("an upload was let through to a host that does not shake hands")
		}
		well.Store(true)
		time.Sleep(5*time.Second + time.Millisecond)
		done, ok := b.allow(t.Context(), false)
		if !ok {
			t.Fatal("the upload was not let through")
		}
		if !b.call(worked, "/x") {
			t.Error("another call has to wait for the upload")
		}
		b.tell(done, nothing, "/x")
	})
}

// The same over the wire: five 5xx open the only host's breaker; the host is well
// again; the first call after the rest is an upload that trickles.
func TestATricklingUploadHoldsNobody(t *testing.T) {
	var sick atomic.Bool
	sick.Store(true)
	h := newRawHost(t, func(conn net.Conn, r *http.Request) bool {
		text := good
		if sick.Load() {
			text = "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
		} else if r.ContentLength > 1000 {
			_, _ = r.Body.Read(make([]byte, 1))
			<-t.Context().Done()
			return false
		}
		_, err := conn.Write([]byte(text))
		return err == nil
	})
	hosts := newHosts(t, Options{BaseURLs: []string{h.url}, BreakerOpenFor: 100 * time.Millisecond})
	for range 5 {
		_, _, _ = send(t, hosts, get("/x"))
	}
	if s := hosts.Status()[0].State; s != "open" {
		t.Fatalf("the breaker is %s", s)
	}
	sick.Store(false)
	time.Sleep(110 * time.Millisecond)
	done := make(chan struct{})
	var upload sync.WaitGroup
	upload.Go(func() {
		_, _, _ = send(t, hosts, Call{Method: http.MethodPost, Path: "/upload", Body: trickle{done}})
	})
	eventually(t, "the upload is on its way", func() bool { return slices.Contains(h.requests(), "POST /upload") })
	for i := range 5 {
		if _, _, err := send(t, hosts, get(fmt.Sprint("/", i))); err != nil {
			t.Errorf("beside the upload: %v", err)
		}
	}
	close(done)
	upload.Wait()
}

// Two hosts that were down are up again: the second is known to be well although
// the first takes every call.
func TestTheSecondHostRecoversToo(t *testing.T) {
	var down atomic.Bool
	answer := func(conn net.Conn, _ *http.Request) bool {
		if down.Load() {
			return false
		}
		_, err := conn.Write([]byte(good))
		return err == nil
	}
	first, second := newRawHost(t, answer), newRawHost(t, answer)
	hosts := newHosts(t, Options{BaseURLs: []string{first.url, second.url}, BreakerOpenFor: 50 * time.Millisecond})
	down.Store(true)
	for range 20 {
		_, _, _ = send(t, hosts, get("/x"))
	}
	down.Store(false)
	eventually(t, "both hosts are well", func() bool {
		_, _, _ = send(t, hosts, get("/x"))
		s := hosts.Status()
		return s[0].State == "closed" && s[1].State == "closed"
	})
	if n := len(second.requests()); n > 20 {
		t.Errorf("the second host got %d calls", n)
	}
}
