package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// With YAML aliases a small file can expand to billions of values. Reading stops
// after maxNodes values, about as many as a file of maxFile bytes can have
// without aliases, or after maxProblems problems.
const (
	maxNodes    = 1 << 20
	maxProblems = 1000
)

// document is a YAML file that is read value by value, so that each problem
// names its line and the first one does not hide the others.
type document struct {
	name     string // for messages
	problems *Problems
	nodes    int // read so far
}

// overLimit reports whether to stop reading.
func (d *document) overLimit() bool { return d.nodes > maxNodes || len(*d.problems) >= maxProblems }

// field is a value in a document, with its key. The node is nil if the key is
// missing.
type field struct {
	doc  *document
	key  string
	line int
	node *yaml.Node
}

// isEmpty reports a stream without a document, which yaml.Load has no error of its
// own for.
func isEmpty(data []byte) bool {
	l, err := yaml.NewLoader(bytes.NewReader(data))
	return err == nil && l.Load(new(yaml.Node)) == io.EOF
}

// parse reads a document. An empty one, or one with comments only, is a field
// without a node.
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
	case err == nil || isEmpty(data):
		return root, true
	case errors.As(err, &at):
		root.line = max(1, at.Mark.Line)
		root.report("", "%s", yamlMessage(at))
	default:
		root.report("", "invalid YAML")
	}
	return root, false
}

// yamlMessage returns the YAML library's message without its quotes from the
// file: to YAML, a secret that starts with * is the name of an alias.
func yamlMessage(err *yaml.LoadError) string {
	message := strings.TrimPrefix(err.Message, "yaml: ")
	if strings.HasPrefix(message, "unknown anchor") {
		return "unknown YAML alias; quote a value that starts with *"
	}
	if err.ContextMsg != "" {
		message = err.ContextMsg + ": " + message
	}
	return "invalid YAML: " + message
}

// position returns "file:line".
func (f field) position() string { return fmt.Sprintf("%s:%d", f.doc.name, f.line) }

// label returns "file:line key", the name of the field in messages.
func (f field) label() string {
	if f.key == "" {
		return f.position()
	}
	return f.position() + " " + f.key
}

// report adds a problem with the field; format is for args.
func (f field) report(value, format string, args ...any) {
	if len(*f.doc.problems) < maxProblems {
		f.doc.problems.add(f.label(), value, format, args...)
	}
}

// isSet reports whether the key is there, with or without a value.
func (f field) isSet() bool { return f.node != nil }

// isNull reports whether the key is there and has no value.
func (f field) isNull() bool {
	return f.isSet() && f.node.Kind == yaml.ScalarNode && f.node.Tag == "!!null"
}

// child wraps a node inside f. ok is false when the limit is reached.
func (f field) child(node *yaml.Node, key string) (inner field, ok bool) {
	f.doc.nodes++
	if f.doc.overLimit() {
		return field{}, false
	}
	inner = field{f.doc, key, node.Line, node}
	if node.Kind == yaml.AliasNode {
		inner.node = node.Alias
	}
	return inner, true
}

// keyForm is what an unknown key must look like to be quoted: where a space is
// missing, as in {app_secret:…}, the secret is part of the key.
var keyForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,39}$`)

// fields returns the values of a mapping by key, with an entry for every known
// key. It reports unknown and duplicate keys. ok is false if f is not a mapping,
// which it reports too.
func (f field) fields(known ...string) (found map[string]field, ok bool) {
	found = make(map[string]field, len(known))
	for _, k := range known {
		found[k] = field{doc: f.doc, key: k, line: f.line}
	}
	if !f.isSet() {
		return found, true
	}
	if f.node.Kind != yaml.MappingNode {
		f.report("", "want a mapping (key: value)")
		return found, false
	}
	for pair := range slices.Chunk(f.node.Content, 2) {
		k := pair[0]
		value, ok := f.child(pair[1], k.Value)
		if !ok {
			return found, false
		}
		value.line = k.Line
		earlier, isKnown := found[k.Value]
		switch {
		case k.Kind != yaml.ScalarNode || !keyForm.MatchString(k.Value):
			value.key = ""
			value.report("", "invalid key; want one of %s", strings.Join(known, ", "))
		case !isKnown:
			value.report("", "unknown key%s", suggestion(k.Value, known))
		case earlier.isSet():
			value.report("", "duplicate key, first used on line %d", earlier.line)
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
		f.report("", "want a list: [a, b], or one \"- item\" per line")
		return nil
	}
	entries := make([]field, 0, len(f.node.Content))
	for _, node := range f.node.Content {
		entry, ok := f.child(node, f.key)
		if !ok {
			return nil
		}
		entries = append(entries, entry)
	}
	return entries
}

// text returns a scalar as it is written, even if YAML takes it for a number or
// a date: 0123 is a valid secret. ok is false if there is none; then, unless the
// key is missing, text has reported a problem.
func (f field) text() (text string, ok bool) {
	switch {
	case !f.isSet():
		return "", false
	case f.node.Kind != yaml.ScalarNode:
		f.report("", "want a single value")
	case f.node.Style&yaml.TaggedStyle != 0:
		f.report("", "YAML tags are not supported; quote a value that starts with !")
	case f.isNull() || f.node.Value == "":
		f.report("", "is empty")
	default:
		return f.node.Value, true
	}
	return "", false
}
