package admin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"
)

// The page is plain HTML, CSS and script modules: the browser gets the files of
// the folder as they are.
//
//go:embed ui
var pageFiles embed.FS

// pageFile returns an embedded file that is known to exist; a test checks that
// it does.
func pageFile(name string) []byte {
	b, _ := pageFiles.ReadFile("ui/" + name)
	return b
}

func servePage(w http.ResponseWriter, r *http.Request) { writePageFile(w, r, "index.html") }

func servePageFile(w http.ResponseWriter, r *http.Request) { writePageFile(w, r, r.PathValue("file")) }

func writePageFile(w http.ResponseWriter, r *http.Request, name string) {
	b, err := pageFiles.ReadFile("ui/" + name)
	kind := contentType(name)
	if err != nil || kind == "" {
		notFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(b)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

// contentType returns the Content-Type of a file, "" for files that are not
// served. It does not use package mime, whose types depend on the machine.
func contentType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return ""
}
