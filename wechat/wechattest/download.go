package wechattest

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxWhole is the longest file that WeCom sends without Range (WeCom docs: "Get
// temporary media").
const maxWhole = 20 * mib

// plainErrors reports whether the path's errors come as text/plain.
func plainErrors(path string) bool {
	return strings.HasPrefix(path, "/cgi-bin/media/get") || strings.HasPrefix(path, "/sns/")
}

// jpegImage returns a small picture.
func jpegImage() []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 16, 16)), nil) // into memory: cannot fail
	return b.Bytes()
}

// picture is a JPEG, or ?size= bytes of [Bytes].
func (s *Server) picture(q *request) answer {
	a := answer{status: http.StatusOK, ctype: "image/jpeg", body: s.jpeg, executed: true}
	if n, ok := q.size(); ok {
		a.body, a.file, a.size = nil, Bytes(n), n
	}
	return a
}

// size returns the parameter size, which tests send.
func (q *request) size() (int64, bool) {
	n, err := strconv.ParseInt(q.param("size"), 10, 64)
	return n, err == nil && n >= 0
}

// download serves /cgi-bin/media/get: a picture for the media_id of any upload,
// a URL for a video's. media_id=big is ?size= bytes of [Bytes]; media_id=trap is
// ?size= bytes of a JSON file that contains an errcode.
func (s *Server) download(q *request) answer {
	id := q.param("media_id")
	s.mu.Lock()
	kind := s.media[id]
	s.mu.Unlock()
	var a answer
	switch {
	case id == "big":
		n, _ := q.size()
		a = answer{status: http.StatusOK, ctype: "application/octet-stream", file: Bytes(n), size: n, executed: true}
	case id == "trap":
		n, _ := q.size()
		a = answer{status: http.StatusOK, ctype: "application/json", body: trap(int(min(n, mib))), executed: true}
	case kind == "":
		return q.fail(40007)
	case kind == "video" && !q.isWeCom():
		return ok("video_url", "https://mpvideo.qpic.cn/"+id).plain()
	default:
		a = s.picture(q)
	}
	a.header = append(a.header, [2]string{"Content-disposition", fmt.Sprintf("attachment; filename=%q", id+".jpg")})
	if !q.isWeCom() {
		return a
	}
	a.header = append(a.header, [2]string{"Accept-Ranges", "bytes"})
	return q.ranged(a)
}

// ranged returns the part of a that the Range header asks for. Only WeCom
// supports Range.
func (q *request) ranged(a answer) answer {
	if a.file == nil {
		a.file, a.size, a.body = bytes.NewReader(a.body), int64(len(a.body)), nil
	}
	first, last, asked := byteRange(q.r.Header.Get("Range"), a.size)
	switch {
	case !asked && a.size > maxWhole || asked && last-first >= maxWhole:
		return q.fail(830002)
	case !asked:
		return a
	}
	a.header = append(a.header, [2]string{"Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, a.size)})
	_, _ = a.file.Seek(first, io.SeekStart) // within the file: cannot fail
	a.status, a.size = http.StatusPartialContent, last-first+1
	a.file = section{io.LimitReader(a.file, a.size), a.file}
	return a
}

// section is a part of a file.
type section struct {
	io.Reader
	io.Seeker
}

// byteRange parses a header "bytes=first-last" or "bytes=first-". Anything else,
// and a range beyond size, is ignored.
func byteRange(header string, size int64) (first, last int64, ok bool) {
	from, to, dash := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	first, err := strconv.ParseInt(from, 10, 64)
	if !dash || err != nil || first < 0 || first >= size {
		return 0, 0, false
	}
	last = size - 1
	if to != "" {
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil || n < first {
			return 0, 0, false
		}
		last = min(last, n)
	}
	return first, last, true
}

// trap returns a JSON file of n bytes that begins like an error of WeChat's.
func trap(n int) []byte {
	const begin, end = `{"errcode":40001,"errmsg":"this is a file","pad":"`, `"}`
	return []byte(begin + strings.Repeat("x", max(0, n-len(begin)-len(end))) + end)
}

// material serves /cgi-bin/material/get_material: download by POST.
func (s *Server) material(q *request) answer {
	var in struct {
		ID string `json:"media_id"`
	}
	if code := q.decode(&in); code != 0 {
		return q.fail(code)
	}
	s.mu.Lock()
	kind := s.media[in.ID]
	s.mu.Unlock()
	switch kind {
	case "":
		return q.fail(40007)
	case "video":
		return ok("title", "video", "description", "", "down_url", "https://mpvideo.qpic.cn/"+in.ID)
	}
	return s.picture(q)
}

// qrcode serves getwxacode and similar paths: a picture, or JSON on error.
func (s *Server) qrcode(q *request) answer {
	var in struct {
		Path  string `json:"path"`
		Scene string `json:"scene"`
	}
	if code := q.decode(&in); code != 0 {
		return q.fail(code)
	}
	switch n := utf8.RuneCountInString(in.Scene); {
	case q.path == "/wxa/getwxacodeunlimit" && (n == 0 || n > 32):
		return q.fail(40129)
	case q.path != "/wxa/getwxacodeunlimit" && (in.Path == "" || len(in.Path) > 1024):
		return q.fail(40159)
	}
	return s.picture(q)
}

// Bytes returns the content of a big download: size bytes, of which byte i is
// i mod 251. They are computed as they are read.
func Bytes(size int64) io.ReadSeeker { return &pattern{size: size} }

type pattern struct{ size, at int64 }

const period = 251 // prime, so that blocks of a power of two differ

func (p *pattern) Read(b []byte) (int, error) {
	if p.at >= p.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.size-p.at))
	for i := range n {
		b[i] = byte((p.at + int64(i)) % period)
	}
	p.at += int64(n)
	return n, nil
}

// WriteTo implements [io.WriterTo]: it computes a single block.
func (p *pattern) WriteTo(w io.Writer) (int64, error) {
	var block [128 * period]byte
	for i := range block {
		block[i] = byte((p.at + int64(i)) % period)
	}
	var sum int64
	for p.at < p.size {
		n, err := w.Write(block[:min(int64(len(block)), p.size-p.at)])
		p.at += int64(n)
		sum += int64(n)
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

func (p *pattern) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.at
	case io.SeekEnd:
		offset += p.size
	}
	if offset < 0 {
		return 0, errors.New("wechattest: seek before the start")
	}
	p.at = offset
	return offset, nil
}
