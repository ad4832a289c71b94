package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Arrows point one way. For each package, the packages of ours that it may
// import; "" is the program itself.
func TestArrows(t *testing.T) {
	arrows := map[string][]string{
		"":                      {"config", "proxy", "proxy/access", "proxy/admin", "token", "token/errcode", "token/source", "token/store", "token/wechattest"},
		"config":                {},
		"token/errcode":         {},
		"token":                 {"token/errcode"},
		"token/source":          {"token", "token/errcode"},
		"token/store":           {"token"},
		"token/store/redistest": {},
		"token/wechattest":      {"token/errcode"},
		"proxy":                 {"proxy/access", "proxy/answer", "proxy/emulate", "token", "token/errcode"},
		"proxy/access":          {"token", "token/errcode"},
		"proxy/answer":          {},
		"proxy/emulate":         {"proxy/answer", "token", "token/errcode"},
		"proxy/admin":           {"token", "token/errcode"},
	}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		from := strings.Trim(filepath.ToSlash(filepath.Dir(path)), ".")
		may, known := arrows[from]
		if !known {
			t.Errorf("package %s is not on the map", from)
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			to, ours := strings.CutPrefix(name, module+"/")
			if ours && !slices.Contains(may, to) {
				t.Errorf("%s imports %s", path, to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
