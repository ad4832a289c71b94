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
		"":                      {"config", "config/secret", "proxy", "proxy/access", "proxy/admin", "proxy/admin/stats", "token", "token/source", "token/store", "wechat/errcode", "wechat/wechattest"},
		"config":                {"config/secret"},
		"config/secret":         {},
		"wechat/errcode":        {},
		"wechat/wechattest":     {"wechat/errcode"},
		"token":                 {"config/secret", "wechat/errcode"},
		"token/source":          {"config/secret", "token", "wechat/errcode"},
		"token/store":           {"config/secret", "token"},
		"token/store/redistest": {},
		"proxy":                 {"config/secret", "proxy/access", "proxy/answer", "proxy/emulate", "token", "wechat/errcode"},
		"proxy/access":          {"config/secret", "token", "wechat/errcode"},
		"proxy/answer":          {},
		"proxy/emulate":         {"config/secret", "proxy/answer", "token", "wechat/errcode"},
		"proxy/admin":           {"config/secret", "proxy/admin/stats", "token", "wechat/errcode"},
		"proxy/admin/stats":     {"token", "wechat/errcode"},
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
