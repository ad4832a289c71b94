package wechattest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

// form builds a multipart body: field, file name and size of one file.
func form(t *testing.T, field, name string, size int64, more ...string) (body []byte, ctype string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(more); i += 2 {
		if err := w.WriteField(more[i], more[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	p, err := w.CreateFormFile(field, name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(p, Bytes(size)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

func (l lab) post(target string, body []byte, ctype string) reply {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), "POST", l.host+target, bytes.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Content-Type", ctype)
	return l.send(req)
}

func TestUploadLimits(t *testing.T) {
	l := newLab(t)
	token, agent := l.stable(false).Token, l.agent("2").Token
	const media, material, img, check = "/cgi-bin/media/upload", "/cgi-bin/material/add_material", "/cgi-bin/media/uploadimg", "/wxa/img_sec_check"
	for _, c := range []struct {
		what, path, kind, file string
		size                   int64
		code                   int
	}{
		{"an image of 10 MiB", media, "image", "a.jpg", 10 * mib, 0},
		{"a byte more", media, "image", "a.jpg", 10*mib + 1, 45001},
		{"a thumb of 64 KiB", media, "thumb", "a.jpg", 64 * kib, 0},
		{"a byte more", media, "thumb", "a.jpg", 64*kib + 1, 45001},
		{"a voice over 2 MiB", material, "voice", "a.amr", 2*mib + 1, 45001},
		{"an empty file", media, "image", "a.jpg", 0, 44001},
		{"a type there is not", media, "file", "a.jpg", 9, 40004},
		{"no type", media, "", "a.jpg", 9, 40004},
		{"an article's picture", img, "", "a.PNG", 9, 0},
		{"an article's GIF", img, "", "a.gif", 9, 40005},
		{"an article's picture of 1 MiB", img, "", "a.jpg", mib, 40006},
		{"a picture to check", check, "", "a.jpg", mib, 0},
		{"a byte more", check, "", "a.jpg", mib + 1, 40006},
		{"a video without description", material, "video", "a.mp4", 9, 47001},
		{"WeCom's file", media, "file", "a.zip", 6, 0},
		{"WeCom's file of 5 bytes", media, "file", "a.zip", 5, 40006},
		{"WeCom's thumb", media, "thumb", "a.jpg", 9, 40004},
	} {
		at, tok := l, token
		if strings.HasPrefix(c.what, "WeCom") {
			at, tok = l.onWeCom(), agent
		}
		body, ctype := form(t, "media", c.file, c.size)
		r := at.post(c.path+"?type="+c.kind+"&access_token="+tok, body, ctype).wants(t, c.path+": "+c.what, c.code)
		if c.code != 0 {
			continue
		}
		h := sha256.New()
		_, _ = io.Copy(h, Bytes(c.size))
		if want := fmt.Sprintf(`"size":%d,"sha256":"%s"`, c.size, hex.EncodeToString(h.Sum(nil))); !strings.Contains(r.Raw, want) {
			t.Errorf("%s: got %s, want %s in it", c.what, r.Raw, want)
		}
		seen := l.Seen()
		last := seen[len(seen)-1]
		if last.BodyLen != int64(len(body)) || last.BodySum != sha256.Sum256(body) || !bytes.Equal(last.Body, body[:min(len(body), maxHead)]) {
			t.Errorf("%s: the log has another body", c.what)
		}
	}
}

func TestBrokenUploads(t *testing.T) {
	l := newLab(t)
	target := "/cgi-bin/media/upload?type=image&access_token=" + l.stable(false).Token
	good, ctype := form(t, "media", "a.jpg", 100)
	l.post(target, good, ctype).wants(t, "a good one", 0)
	l.post(target, good[:len(good)-30], ctype).wants(t, "one that ends early", 41005)
	l.post(target, good, "application/json").wants(t, "another Content-Type", 41005)
	l.post(target, good, "multipart/form-data").wants(t, "no boundary", 41005)
	l.post(target, nil, ctype).wants(t, "no body", 41005)
	l.do("GET "+target, "").wants(t, "GET", 43002)
	other, ctype := form(t, "file", "a.jpg", 100)
	l.post(target, other, ctype).wants(t, "another field", 41005)
	nameless := []byte("--b\r\nContent-Disposition: form-data; name=\"media\"\r\n\r\nx\r\n--b--\r\n")
	l.post(target, nameless, "multipart/form-data; boundary=b").wants(t, "no file name", 41005)
	odd := []byte("--b\r\nContent-Disposition: form-data; name=\"media\"; filename=\"a.jpg\"; filelength=1\r\n\r\nx\r\n--b--\r\n")
	l.post(target, odd, "multipart/form-data; boundary=b").wants(t, "WeCom's filelength", 0)
	video, ctype := form(t, "media", "a.mp4", 100, "description", `{"title":"t"}`)
	l.post(strings.Replace(target, "media/upload?type=image", "material/add_material?type=video", 1), video, ctype).wants(t, "a video with description", 0)
}
