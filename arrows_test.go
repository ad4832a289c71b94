package main

import (
	"go/parser"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/wechat-token-proxy/wechat-token-proxy"

// Arrows point one way. For each package, the packages of ours that it may
// import; "" is the program itself. A test may import more: serve/servetest and
// token/store/redistest are for tests only, so nobody may import them here.
func TestArrows(t *testing.T) {
	arrows := map[string][]string{
		"":                      {"config", "operate", "serve"},
		"serve":                 {"config", "config/secret", "proxy", "proxy/access", "proxy/admin", "proxy/admin/stats", "token", "token/source", "token/store", "wechat", "wechat/errcode", "wechat/wechattest"},
		"serve/servetest":       {"wechat/wechattest"},
		"operate":               {"config", "config/secret", "proxy/access", "token", "token/source", "token/store", "wechat", "wechat/errcode"},
		"config":                {"config/secret"},
		"config/secret":         {},
		"wechat":                {"wechat/errcode"},
		"wechat/errcode":        {},
		"wechat/wechattest":     {"wechat/errcode"},
		"token":                 {"config/secret", "wechat/errcode"},
		"token/source":          {"config/secret", "token", "wechat", "wechat/errcode"},
		"token/store":           {"config/secret", "token"},
		"token/store/redistest": {},
		"proxy":                 {"config/secret", "proxy/access", "proxy/answer", "proxy/emulate", "token", "wechat", "wechat/errcode"},
		"proxy/access":          {"config/secret", "token", "wechat/errcode"},
		"proxy/answer":          {},
		"proxy/emulate":         {"config/secret", "proxy/answer", "token", "wechat/errcode"},
		"proxy/admin":           {"config/secret", "proxy/admin/stats", "token", "wechat/errcode"},
		"proxy/admin/stats":     {"token", "wechat/errcode"},
	}
	packages := goFiles(t)
	for dir, files := range packages {
		may, known := arrows[dir]
		if !known {
			t.Errorf("package %q has no arrows here", dir)
			continue
		}
		for _, file := range files {
			for _, i := range parse(t, path.Join(dir, file), parser.ImportsOnly).Imports {
				name, err := strconv.Unquote(i.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				if to, ours := strings.CutPrefix(name, module+"/"); ours && !slices.Contains(may, to) {
					t.Errorf("%s imports %s", path.Join(dir, file), to)
				}
			}
		}
	}
	for dir := range arrows {
		if packages[dir] == nil {
			t.Errorf("there is no package %q", dir)
		}
	}
}
