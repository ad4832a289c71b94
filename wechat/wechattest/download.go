package wechattest

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxWhole is the longest file WeCom gives without Range (WeCom docs: "Get
// temporary media").
const maxWhole = 20 * mib

// plainErrors reports whether the path's errors come as text/plain.
func plainErrors(path string) bool {
	return strings.HasPrefix(path, "/cgi-bin/media/get") || strings.HasPrefix(path, "/sns/")
}

// jpegImage is a small picture.
func jpegImage() []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 16, 16)), nil) // into memory: cannot fail
	return b.Bytes()
}

// picture is a JPEG, or ?size= bytes of [Bytes].
func (s *Server) picture(q *ask) answer {
	a := answer{status: http.StatusOK, ctype: "image/jpeg", body: s.jpeg, executed: true}
	if n, ok := q.size(); ok {
		a.body, a.file, a.size = nil, Bytes(n), n
	}
	return a
}

// size is the parameter of that name, for tests.
func (q *ask) size() (int64, bool) {
	n, err := strconv.ParseInt(q.param("size"), 10, 64)
	return n, err == nil && n >= 0
}

// download is /cgi-bin/media/get: a picture for any media_id that an upload
// gave, a URL for a video's. media_id=big gives ?size= bytes of [Bytes];
// media_id=trap ?size= bytes of a JSON file that has an errcode of its own.
func (s *Server) download(q *ask) answer {
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
		return q.no(40007)
	case kind == "video" && !q.isWeCom():
		a = ok("video_url", "https://mpvideo.qpic.cn/"+id).plain()
		return a
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

// ranged is the part of a that a Range header asks for, as WeCom allows.
func (q *ask) ranged(a answer) answer {
	if a.file == nil {
		a.file, a.size, a.body = bytes.NewReader(a.body), int64(len(a.body)), nil
	}
	first, last, asked := byteRange(q.r.Header.Get("Range"), a.size)
	switch {
	case !asked && a.size > maxWhole || asked && last-first >= maxWhole:
		return q.no(830002)
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

// byteRange reads a header "bytes=first-last" or "bytes=first-". Anything else,
// or beyond size, is not looked at.
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

// trap is a JSON file of n bytes that begins like a refusal.
func trap(n int) []byte {
	const begin, end = `{"errcode":40001,"errmsg":"this is a file","pad":"`, `"}`
	return []byte(begin + strings.Repeat("x", max(0, n-len(begin)-len(end))) + end)
}

// material is /cgi-bin/material/get_material: as download, but by POST.
func (s *Server) material(q *ask) answer {
	var in struct {
		ID string `json:"media_id"`
	}
	if code := q.decode(&in); code != 0 {
		return q.no(code)
	}
	s.mu.Lock()
	kind := s.media[in.ID]
	s.mu.Unlock()
	switch kind {
	case "":
		return q.no(40007)
	case "video":
		return ok("title", "video", "description", "", "down_url", "https://mpvideo.qpic.cn/"+in.ID)
	}
	return s.picture(q)
}

// qrcode is getwxacode and its siblings: a picture, or JSON.
func (s *Server) qrcode(q *ask) answer {
	var in struct {
		Path  string `json:"path"`
		Scene string `json:"scene"`
	}
	if code := q.decode(&in); code != 0 {
		return q.no(code)
	}
	switch n := utf8.RuneCountInString(in.Scene); {
	case q.path == "/wxa/getwxacodeunlimit" && (n == 0 || n > 32):
		return q.no(40129)
	case q.path != "/wxa/getwxacodeunlimit" && (in.Path == "" || len(in.Path) > 1024):
		return q.no(40159)
	}
	return s.picture(q)
}
