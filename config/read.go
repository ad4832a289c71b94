package config

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// Maximum file sizes in bytes.
const (
	maxSecretFile = 64 << 10
	maxFile       = 4 << 20 // the config file, certificates
)

// fileHash is the SHA-256 of a file's contents.
type fileHash = [sha256.Size]byte

// fileHashes has, by name, the hash of each file when it was read.
type fileHashes map[string]fileHash

// readFile returns the contents of a file of at most limit bytes. Its errors
// do not name the file.
func readFile(name string, limit int64) ([]byte, error) {
	// Opening a pipe could block for ever.
	info, err := os.Stat(name)
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("larger than %d KiB", limit>>10)
	}
	return data, nil
}

// withoutPath removes "open /path:" from an error: the message around it names
// the file, if that is safe.
func withoutPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// file reads a file and records its hash.
func (h fileHashes) file(name string, limit int64) ([]byte, error) {
	data, err := readFile(name, limit)
	if err != nil {
		return nil, err
	}
	h[name] = sha256.Sum256(data)
	return data, nil
}

// secret reads a file that holds only a secret, optionally followed by a line
// break.
func (h fileHashes) secret(name string) (secret.Secret, error) {
	data, err := h.file(name, maxSecretFile)
	if err != nil {
		return secret.Secret{}, err
	}
	if line, ok := bytes.CutSuffix(data, []byte("\n")); ok {
		data = bytes.TrimSuffix(line, []byte("\r"))
	}
	if len(data) == 0 {
		return secret.Secret{}, errors.New("the file is empty")
	}
	if err := checkSecret(string(data)); err != nil {
		return secret.Secret{}, fmt.Errorf("the file %w", err)
	}
	return secret.New(string(data)), nil
}

// checkSecret rejects characters that no secret contains, because it travels in
// a header or a query: they come from pasting or saving it wrongly.
func checkSecret(text string) error {
	if !utf8.ValidString(text) || strings.TrimSpace(text) != text ||
		strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\ufeff' }) {
		return errors.New("contains a line break, a control character, a byte order mark, or white space at the start or end")
	}
	return nil
}

// wordForm is what the parts of a path usually look like, and those of a random
// secret never.
var wordForm = regexp.MustCompile(`^\.{0,2}[a-z][a-z_-]*[0-9]{0,3}$|^\.{0,2}$`)

// shownPath returns the name of a file as a message may quote it: "" if it does
// not look like a path, because then it may be the secret itself, set in the
// wrong variable. Relative names are relative to dir.
func shownPath(dir, name string) string {
	switch {
	case strings.ContainsFunc(name, unicode.IsControl):
		return ""
	case filepath.Ext(name) != "":
		return name
	case !strings.ContainsRune(name, filepath.Separator):
		return ""
	}
	words := true
	for part := range strings.SplitSeq(name, string(filepath.Separator)) {
		words = words && wordForm.MatchString(part)
	}
	if words || hasDirectory(dir, name) {
		return name
	}
	return ""
}

// hasDirectory reports whether one of the directories in name exists. The root
// does not count: a secret may start with a slash.
func hasDirectory(dir, name string) bool {
	for parent := filepath.Dir(name); parent != "." && filepath.Dir(parent) != parent; parent = filepath.Dir(parent) {
		path := parent
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return true
		}
	}
	return false
}
