package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// With aliases a small file can mean billions of values. A reading is given up
// after maxNodes values, of which without aliases no file of maxFile bytes has
// many more, or at maxProblems problems.
const (
	maxNodes    = 1 << 20
	maxProblems = 1000
)

// document is a YAML file that is read value by value, so that each problem
// says its line and the first one does not hide the others.
type document struct {
	name     string // as problems say it
	problems *Problems
	nodes    int // looked at so far
}

// givenUp reports whether enough was looked at.
func (d *document) givenUp() bool { return d.nodes > maxNodes || len(*d.problems) >= maxProblems }

// field is a value in a document, with the key it stands behind. Its node is
// nil if the key is not there.
type field struct {
	doc  *document
	key  string
	line int
	node *yaml.Node
}

// parse reads a document. One that holds nothing but comments is a field with
// no node.
func (d *document) parse(data []byte) (field, bool) {
	root := field{doc: d, line: 1}
	var tree yaml.Node
	err := yaml.Load(data, &tree)
	var at *yaml.LoadError
	switch {
	case err == nil && len(tree.Content) == 1:
		if root.node = tree.Content[0]; root.isNull() {
			root.node = nil
		}
		return root, true
	case err == nil || strings.Contains(err.Error(), "no documents in stream"):
		return root, true
	case errors.As(err, &at):
		root.line = max(1, at.Mark.Line)
		root.wrong("", "%s", saidOf(at))
	default:
		root.wrong("", "not YAML")
	}
	return root, false
}

// saidOf returns what the YAML library has to say, without what it quotes: a
// secret that begins with * is an alias to it.
func saidOf(err *yaml.LoadError) string {
	what := strings.TrimPrefix(err.Message, "yaml: ")
	if strings.HasPrefix(what, "unknown anchor") {
		return "an alias without its anchor; a value that begins with * needs quotes"
	}
	if err.ContextMsg != "" {
		what = err.ContextMsg + ": " + what
	}
	return "not YAML: " + what
}

// at returns "file:line".
func (f field) at() string { return fmt.Sprintf("%s:%d", f.doc.name, f.line) }

// where is how problems name the field: "file:line key".
func (f field) where() string {
	if f.key == "" {
		return f.at()
	}
	return f.at() + " " + f.key
}

// wrong notes a problem with the field.
func (f field) wrong(value, what string, args ...any) {
	if len(*f.doc.problems) < maxProblems {
		f.doc.problems.add(f.where(), value, what, args...)
	}
}

// isSet reports whether the key is there, be it without a value.
func (f field) isSet() bool { return f.node != nil }

// isNull reports whether the key is there and has no value.
func (f field) isNull() bool {
	return f.isSet() && f.node.Kind == yaml.ScalarNode && f.node.Tag == "!!null"
}

// of wraps a node within f.
func (f field) of(node *yaml.Node, key string) (field, bool) {
	f.doc.nodes++
	if f.doc.givenUp() {
		return field{}, false
	}
	inner := field{f.doc, key, node.Line, node}
	if node.Kind == yaml.AliasNode {
		inner.node = node.Alias
	}
	return inner, true
}

// keyForm is what an unknown key must look like to be quoted: with a missing
// space, as in {app_secret:…}, a key is a secret too.
var keyForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,39}$`)

// fields returns the values of a mapping by key; all of the known ones are in
// it. Keys that are not known, or stand there twice, are problems. ok is false
// if f is no mapping, which has been noted.
func (f field) fields(known ...string) (found map[string]field, ok bool) {
	found = make(map[string]field, len(known))
	for _, k := range known {
		found[k] = field{doc: f.doc, key: k, line: f.line}
	}
	if !f.isSet() {
		return found, true
	}
	if f.node.Kind != yaml.MappingNode {
		f.wrong("", "not a mapping (key: value)")
		return found, false
	}
	for pair := range slices.Chunk(f.node.Content, 2) {
		k := pair[0]
		value, ok := f.of(pair[1], k.Value)
		if !ok {
			return found, false
		}
		value.line = k.Line
		earlier, isKnown := found[k.Value]
		switch {
		case k.Kind != yaml.ScalarNode || !keyForm.MatchString(k.Value):
			value.key = ""
			value.wrong("", "a key that is none of %s", strings.Join(known, ", "))
		case !isKnown:
			value.wrong("", "unknown key%s", didYouMean(k.Value, known))
		case earlier.isSet():
			value.wrong("", "stands in line %d already", earlier.line)
		default:
			found[k.Value] = value
		}
	}
	return found, true
}

// list returns the entries of a sequence, each with the key of f.
func (f field) list() []field {
	if !f.isSet() || f.isNull() {
		return nil
	}
	if f.node.Kind != yaml.SequenceNode {
		f.wrong("", "not a list ([a, b], or lines that begin with a dash)")
		return nil
	}
	entries := make([]field, 0, len(f.node.Content))
	for _, node := range f.node.Content {
		entry, ok := f.of(node, f.key)
		if !ok {
			return nil
		}
		entries = append(entries, entry)
	}
	return entries
}

// text returns a scalar as it is written, be it a number or a date to YAML:
// 0123 is a fine secret. ok is false where there is none, and then, unless the
// key is missing, a problem has been noted.
func (f field) text() (text string, ok bool) {
	switch {
	case !f.isSet():
		return "", false
	case f.node.Kind != yaml.ScalarNode:
		f.wrong("", "not a plain value")
	case f.node.Style&yaml.TaggedStyle != 0:
		f.wrong("", "has a tag (!…); a value that begins with ! needs quotes")
	case f.isNull() || f.node.Value == "":
		f.wrong("", "is empty")
	default:
		return f.node.Value, true
	}
	return "", false
}
