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

	"github.com/gorilla/mux"
)

// The page is plain HTML, CSS and script modules: what is in the folder is
// what the browser gets.
//
//go:embed ui
var files embed.FS

// embedded returns a file of the page's that is known to be there; a test
// holds that.
func embedded(name string) []byte {
	b, _ := files.ReadFile("ui/" + name)
	return b
}

func serveUI(w http.ResponseWriter, r *http.Request) {
	serveFile(mux.Vars(r)["file"])(w, r)
}

func serveFile(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := files.ReadFile("ui/" + name)
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
}

// contentType does not ask the machine, whose tables differ. What has no type
// here is not served.
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
