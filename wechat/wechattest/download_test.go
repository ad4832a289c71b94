package wechattest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func TestPicturesOrJSON(t *testing.T) {
	l := newLab(t)
	token := l.stable(false).Token
	body, ctype := form(t, "media", "a.jpg", 100)
	var up struct {
		ID string `json:"media_id"`
	}
	upload := func(kind string) string {
		r := l.post("/cgi-bin/media/upload?type="+kind+"&access_token="+token, body, ctype)
		if err := json.Unmarshal([]byte(r.Raw), &up); err != nil {
			t.Fatal(err)
		}
		return up.ID
	}
	image, video := upload("image"), upload("video")
	for _, c := range []struct {
		call, body string
		code       int
		ctype      string
	}{
		{"GET /cgi-bin/media/get?media_id=" + image, "", 0, "image/jpeg"},
		{"GET /cgi-bin/media/get?media_id=" + video, "", 0, "text/plain"},
		{"GET /cgi-bin/media/get?media_id=nothing", "", 40007, "text/plain"},
		{"POST /cgi-bin/material/get_material?", `{"media_id":"` + image + `"}`, 0, "image/jpeg"},
		{"POST /cgi-bin/material/get_material?", `{"media_id":"` + video + `"}`, 0, "application/json; charset=utf-8"},
		{"POST /cgi-bin/material/get_material?", `{"media_id":""}`, 40007, "application/json; encoding=utf-8"},
		{"POST /wxa/getwxacode?", `{"path":"pages/index"}`, 0, "image/jpeg"},
		{"POST /wxa/getwxacode?", `{"scene":"a"}`, 40159, "application/json; encoding=utf-8"},
		{"POST /wxa/getwxacode?", `path=x`, 47001, "application/json; encoding=utf-8"},
		{"POST /wxa/getwxacodeunlimit?", `{"scene":"a=1"}`, 0, "image/jpeg"},
		{"POST /wxa/getwxacodeunlimit?size=100000", `{"scene":"a=1"}`, 0, "image/jpeg"},
		{"POST /wxa/getwxacodeunlimit?", `{"scene":"` + strings.Repeat("x", 33) + `"}`, 40129, "application/json; encoding=utf-8"},
		{"GET /wxa/getwxacodeunlimit?", "", 43002, "application/json; encoding=utf-8"},
	} {
		r := l.do(c.call+"&access_token="+token, c.body).wants(t, c.call, c.code)
		if got := r.Header.Get("Content-Type"); got != c.ctype {
			t.Errorf("%s %s: Content-Type is %q, want %q", c.call, c.body, got, c.ctype)
		}
		if c.ctype != "image/jpeg" {
			continue
		}
		if strings.Contains(c.call, "size=") {
			if len(r.Raw) != 100000 {
				t.Errorf("%s: %d bytes", c.call, len(r.Raw))
			}
		} else if _, err := jpeg.Decode(strings.NewReader(r.Raw)); err != nil {
			t.Errorf("%s: %v", c.call, err)
		}
	}
	r := l.do("GET /cgi-bin/media/get?media_id="+image+"&access_token=nobodys", "").wants(t, "an unknown token", 40001)
	if got := r.Header.Get("Content-Type"); got != "text/plain" {
		t.Errorf("its Content-Type is %q", got)
	}
}

func TestBigDownloads(t *testing.T) {
	l := newLab(t)
	token, agent := l.stable(false).Token, l.agent("2").Token
	const size = 3*mib + 17
	get := func(host, token, span string, size int64) reply {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("%s/cgi-bin/media/get?media_id=big&size=%d&access_token=%s", host, size, token), nil)
		if err != nil {
			t.Fatal(err)
		}
		if span != "" {
			req.Header.Set("Range", span)
		}
		return l.send(req)
	}
	whole, err := io.ReadAll(Bytes(size))
	if err != nil {
		t.Fatal(err)
	}
	if r := get(mp, token, "bytes=5-9", size); r.StatusCode != 200 || r.Raw != string(whole) || r.ContentLength != size {
		t.Errorf("got %s, %d bytes; official accounts know no Range", r.Status, len(r.Raw))
	}
	r := get(wecom, agent, "bytes=1000-2999", size)
	if r.StatusCode != 206 || r.Raw != string(whole[1000:3000]) || r.Header.Get("Content-Range") != fmt.Sprintf("bytes 1000-2999/%d", size) {
		t.Errorf("WeCom: got %s, %d bytes, %v", r.Status, len(r.Raw), r.Header)
	}
	get(wecom, agent, "", 20*mib+1).wants(t, "WeCom, too big", 830002)
	get(wecom, agent, "bytes=0-", 20*mib+1).wants(t, "WeCom, too big a range", 830002)
	if r := get(wecom, agent, "bytes=20971520-", 20*mib+1); r.StatusCode != 206 || len(r.Raw) != 1 {
		t.Errorf("WeCom, the last byte: got %s, %d bytes", r.Status, len(r.Raw))
	}
	trap := l.do("GET /cgi-bin/media/get?media_id=trap&size=8192&access_token="+token, "")
	if trap.Code != 40001 || len(trap.Raw) != 8192 {
		t.Errorf("the trap is %d bytes with errcode %d", len(trap.Raw), trap.Code)
	}
	l.counted("rejected", 0)
}

func TestBytes(t *testing.T) {
	want := make([]byte, 70_000)
	for i := range want {
		want[i] = byte(i % 251)
	}
	if err := iotest.TestReader(Bytes(int64(len(want))), want); err != nil {
		t.Error(err)
	}
	r := Bytes(int64(len(want)))
	if _, err := r.Seek(40_000, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, r); err != nil || !bytes.Equal(b.Bytes(), want[40_000:]) {
		t.Errorf("the rest is different (%v)", err)
	}
}

func TestByteRange(t *testing.T) {
	for _, c := range []struct {
		header      string
		first, last int64
		ok          bool
	}{
		{"", 0, 0, false},
		{"bytes=0-0", 0, 0, true},
		{"bytes=5-", 5, 99, true},
		{"bytes=5-500", 5, 99, true},
		{"bytes=100-", 0, 0, false},
		{"bytes=9-5", 0, 0, false},
		{"bytes=-5", 0, 0, false},
		{"bytes=1-2,3-4", 0, 0, false},
		{"lines=1-2", 0, 0, false},
	} {
		first, last, ok := byteRange(c.header, 100)
		if first != c.first || last != c.last || ok != c.ok {
			t.Errorf("%q: got %d-%d %v", c.header, first, last, ok)
		}
	}
}

func FuzzByteRange(f *testing.F) {
	f.Add("bytes=0-", int64(10))
	f.Add("bytes=--", int64(0))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if first, last, ok := byteRange(header, size); ok && (first < 0 || first > last || last >= size) {
			t.Fatalf("%q of %d: %d-%d", header, size, first, last)
		}
	})
}
