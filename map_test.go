package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// goFiles returns the Go files of the module that are not tests, by directory:
// "" is the program itself.
func goFiles(t *testing.T) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		dir, file := path.Split(filepath.ToSlash(name))
		dir = strings.TrimSuffix(dir, "/")
		files[dir] = append(files[dir], file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func parse(t *testing.T, name string, mode parser.Mode) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(name), nil, mode)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Each package has one doc comment, with a map that names every file of it and
// no other.
func TestMapsNameTheFiles(t *testing.T) {
	word := regexp.MustCompile(`[a-z0-9_]+\.go\b`)
	for dir, files := range goFiles(t) {
		var docs []string
		for _, file := range files {
			if doc := parse(t, path.Join(dir, file), parser.PackageClauseOnly|parser.ParseComments).Doc; doc != nil {
				docs = append(docs, doc.Text())
			}
		}
		if len(docs) != 1 {
			t.Errorf("package %q has %d doc comments, want 1", dir, len(docs))
			continue
		}
		named := word.FindAllString(docs[0], -1)
		slices.Sort(named)
		named = slices.Compact(named)
		missing := slices.DeleteFunc(slices.Clone(files), func(file string) bool { return slices.Contains(named, file) })
		gone := slices.DeleteFunc(named, func(file string) bool { return slices.Contains(files, file) })
		if len(missing)+len(gone) > 0 {
			t.Errorf("the map of package %q does not name %q, and names %q, which are not there", dir, missing, gone)
		}
	}
}

func TestMainIsAloneAtTheTop(t *testing.T) {
	if files := goFiles(t)[""]; !slices.Equal(files, []string{"main.go"}) {
		t.Errorf("at the top there are %q, want main.go and tests", files)
	}
}

// A file can be read in one go, and a package looked over.
func TestFilesAndPackagesAreSmall(t *testing.T) {
	const maxLines, maxFiles = 300, 25
	for dir, files := range goFiles(t) {
		if len(files) > maxFiles {
			t.Errorf("package %q has %d files, want %d at most", dir, len(files), maxFiles)
		}
		for _, file := range files {
			name := path.Join(dir, file)
			text, err := os.ReadFile(filepath.FromSlash(name))
			if err != nil {
				t.Fatal(err)
			}
			if lines := bytes.Count(text, []byte("\n")); lines > maxLines {
				t.Errorf("%s has %d lines, want %d at most", name, lines, maxLines)
			}
		}
	}
}
