package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
)

func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The page that leads through the code names files that exist, every package,
// and fits a terminal where it is a picture.
func TestArchitecturePage(t *testing.T) {
	const name, columns = "docs/architecture.md", 100
	text := readDoc(t, name)
	files := regexp.MustCompile(`[\w./-]+\.(?:go|md|yml|sh)\b`).FindAllString(text, -1)
	if len(files) == 0 {
		t.Errorf("%s names no file", name)
	}
	for _, file := range files {
		if _, err := os.Stat(filepath.FromSlash(file)); err != nil {
			t.Errorf("%s names %s: %v", name, file, err)
		}
	}
	for dir := range goFiles(t) {
		if dir != "" && !strings.Contains(text, "`"+dir+"`") {
			t.Errorf("%s does not name package %s", name, dir)
		}
	}
	picture := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "```") {
			picture = !picture
		}
		if width := utf8.RuneCountInString(line); picture && width > columns {
			t.Errorf("%s: %d columns, want %d at most: %s", name, width, columns, line)
		}
	}
}

func readmes() []string { return []string{"README.md", "README.zh-CN.md"} }

func TestReadmeLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)\)`)
	for _, name := range readmes() {
		for _, m := range link.FindAllStringSubmatch(readDoc(t, name), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.FromSlash(m[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
}

// Both READMEs name each setting that help lists, with its default.
func TestReadmeSettings(t *testing.T) {
	var help strings.Builder
	config.Help(&help)
	for _, name := range readmes() {
		text := readDoc(t, name)
		for line := range strings.Lines(help.String()) {
			line = strings.TrimSpace(line)
			value, isDefault := strings.CutPrefix(line, "default: ")
			isName := regexp.MustCompile(`^[A-Z_]+$`).MatchString(line)
			want := line
			if isDefault {
				want = value
			} else if isName {
				want = strings.TrimSuffix(line, "_FILE") // …_FILE stands next to some
			}
			if (isName || isDefault) && !strings.Contains(text, "`"+want) {
				t.Errorf("%s does not name %s", name, line)
			}
		}
	}
}
