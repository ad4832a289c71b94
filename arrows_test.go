package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/wechat-token-proxy/wechat-token-proxy"

// imports is what one package of ours imports of ours, by path below the module.
type imports struct {
	direct []string
	all    []string // also through others
}

// listImports asks the go command about every package of the module; "" is the
// program itself. Tests are left out.
func listImports(t *testing.T) map[string]imports {
	t.Helper()
	cmd := exec.Command("go", "list", "-buildvcs=false", "-f", `{{.ImportPath}}|{{join .Imports " "}}|{{join .Deps " "}}`, "./...")
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &problems)
	}
	packages := map[string]imports{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		name := strings.TrimPrefix(strings.TrimPrefix(fields[0], module), "/")
		packages[name] = imports{direct: ours(fields[1]), all: ours(fields[2])}
	}
	return packages
}

// ours picks the packages of this module out of a list.
func ours(list string) []string {
	var names []string
	for name := range strings.FieldsSeq(list) {
		if below, ok := strings.CutPrefix(name, module+"/"); ok {
			names = append(names, below)
		}
	}
	return names
}

// Arrows point one way. For each package, the packages of ours that it may
// import. A test may import more: serve/servetest and token/store/redistest are
// for tests only, so no package may import them here.
func TestArrows(t *testing.T) {
	arrows := map[string][]string{
		"":                      {"config", "operate", "serve"},
		"serve":                 {"config", "config/secret", "proxy", "proxy/access", "proxy/admin", "proxy/admin/stats", "token", "token/fromconfig", "token/source", "token/store", "wechat", "wechat/errcode", "wechat/wechattest"},
		"serve/servetest":       {"wechat/wechattest"},
		"operate":               {"config", "config/secret", "proxy/access", "token", "token/fromconfig", "token/source", "token/store", "wechat", "wechat/errcode"},
		"config":                {"config/secret"},
		"config/secret":         {},
		"wechat":                {"wechat/errcode"},
		"wechat/errcode":        {},
		"wechat/wechattest":     {"wechat/errcode"},
		"token":                 {"config/secret", "wechat/errcode"},
		"token/fromconfig":      {"config", "token/source", "token/store", "wechat/errcode"},
		"token/source":          {"config/secret", "token", "wechat", "wechat/errcode"},
		"token/store":           {"config/secret", "token"},
		"token/store/redistest": {},
		"proxy":                 {"config/secret", "proxy/access", "proxy/answer", "proxy/emulate", "token", "wechat", "wechat/errcode"},
		"proxy/access":          {"config/secret"},
		"proxy/answer":          {},
		"proxy/emulate":         {"config/secret", "proxy/answer", "token", "wechat/errcode"},
		"proxy/admin":           {"config/secret", "proxy/admin/stats", "token", "wechat/errcode"},
		"proxy/admin/stats":     {"token", "wechat/errcode"},
	}
	packages := listImports(t)
	for name, imported := range packages {
		may, known := arrows[name]
		if !known {
			t.Errorf("package %q has no arrows here", name)
			continue
		}
		for _, to := range imported.direct {
			if !slices.Contains(may, to) {
				t.Errorf("package %q imports %q", name, to)
			}
		}
	}
	for name := range arrows {
		if _, ok := packages[name]; !ok {
			t.Errorf("there is no package %q", name)
		}
	}
}

// The lower rooms know nothing of the upper ones, not even through others.
func TestLowerRoomsStandAlone(t *testing.T) {
	packages := listImports(t)
	only := map[string][]string{
		"config":         {"config/secret"},
		"config/secret":  {},
		"wechat":         {"wechat/errcode"},
		"wechat/errcode": {},
	}
	for name, may := range only {
		for _, to := range packages[name].all {
			if !slices.Contains(may, to) {
				t.Errorf("package %q depends on %q, want only %q", name, to, may)
			}
		}
	}
	for name, imported := range packages {
		if room, _, _ := strings.Cut(name, "/"); room != "token" {
			continue
		}
		for _, to := range imported.all {
			if room, _, _ := strings.Cut(to, "/"); room == "proxy" || room == "serve" || room == "operate" {
				t.Errorf("package %q depends on %q", name, to)
			}
		}
	}
}
