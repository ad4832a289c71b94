package wechattest

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"mime/multipart"
	"path"
	"strconv"
	"strings"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// uploadRule limits one kind of upload.
type uploadRule struct {
	max     int64  // bytes of the file
	exts    string // extensions of the file name, " .jpg .png "; "" allows any
	tooLong int    // errcode for a longer file
}

// ruleFor returns the rule for a path and a media type. ok is false for a type
// that does not exist.
func ruleFor(p, kind string, wecom bool) (rule uploadRule, ok bool) {
	switch p {
	case "/cgi-bin/media/uploadimg":
		return uploadRule{mib - 1, " .jpg .jpeg .png ", 40006}, true
	case "/wxa/img_sec_check":
		return uploadRule{mib, "", 40006}, true
	}
	limits := map[string]int64{"image": 10 * mib, "voice": 2 * mib, "video": 10 * mib, "thumb": 64 * kib}
	if wecom {
		limits = map[string]int64{"image": 10 * mib, "voice": 2 * mib, "video": 10 * mib, "file": 20 * mib}
	}
	limit, ok := limits[kind]
	return uploadRule{limit, "", 45001}, ok
}

// part is an uploaded file.
type part struct {
	name        string
	size        int64
	sum         [32]byte
	description string // the form field description
}

// readParts reads a multipart body and measures its file without keeping it. The
// file must be in the field "media" and have a name; one longer than max is not
// read to its end. The errcode is 0 on success.
func readParts(r *multipart.Reader, max int64) (p part, code int) {
	for {
		next, err := r.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return p, 41005
		}
		switch next.FormName() {
		case "media":
			if p.name = next.FileName(); p.name == "" {
				return p, 41005
			}
			h := sha256.New()
			if p.size, err = io.Copy(h, io.LimitReader(next, max+1)); err != nil {
				return p, 41005
			}
			h.Sum(p.sum[:0])
			if p.size > max {
				return p, 0
			}
		case "description":
			b, err := io.ReadAll(io.LimitReader(next, 64*kib))
			if err != nil {
				return p, 41005
			}
			p.description = string(b)
		}
	}
	if p.name == "" {
		return p, 41005
	}
	return p, 0
}

// upload serves the endpoints that take a file. In addition to WeChat's members
// the answer has the size and the sha256 of the file.
func (s *Server) upload(q *request) answer {
	kind := q.param("type")
	rule, known := ruleFor(q.path, kind, q.isWeCom())
	if !known {
		return q.fail(40004)
	}
	q.r.Body = io.NopCloser(q.body)
	mr, err := q.r.MultipartReader()
	if err != nil {
		return q.fail(41005)
	}
	p, code := readParts(mr, rule.max)
	switch {
	case code != 0:
		return q.fail(code)
	case p.size > rule.max:
		return q.fail(rule.tooLong)
	case q.isWeCom() && p.size <= 5: // WeCom docs: "Upload temporary media"
		return q.fail(40006)
	case p.size == 0:
		return q.fail(44001)
	case rule.exts != "" && !strings.Contains(rule.exts, " "+strings.ToLower(path.Ext(p.name))+" "):
		return q.fail(40005)
	}
	extra := []any{"size", p.size, "sha256", hex.EncodeToString(p.sum[:])}
	switch q.path {
	case "/cgi-bin/media/uploadimg":
		return ok(append([]any{"url", "https://mmbiz.qpic.cn/mmbiz/" + random(12) + "/0"}, extra...)...)
	case "/wxa/img_sec_check":
		return q.success(extra...)
	case "/cgi-bin/material/add_material":
		if kind == "video" && !strings.HasPrefix(p.description, "{") {
			return q.fail(47001)
		}
		return ok(append([]any{"media_id", s.storeMedia(kind), "url", "https://mmbiz.qpic.cn/" + random(12)}, extra...)...)
	}
	if q.isWeCom() {
		at := strconv.FormatInt(q.now.Unix(), 10)
		return q.success(append([]any{"type", kind, "media_id", s.storeMedia(kind), "created_at", at}, extra...)...)
	}
	return ok(append([]any{"type", kind, "media_id", s.storeMedia(kind), "created_at", q.now.Unix()}, extra...)...)
}

// storeMedia returns a media_id for an uploaded file. Its bytes are not kept.
func (s *Server) storeMedia(kind string) string {
	id := random(48)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.media) >= maxKnown {
		clear(s.media)
	}
	s.media[id] = kind
	return id
}
