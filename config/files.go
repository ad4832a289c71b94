package config

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// The longest files that are read, in bytes.
const (
	maxSecretFile = 64 << 10
	maxFile       = 4 << 20 // the config file, certificates
)

// sum is the SHA-256 of what a file holds.
type sum = [sha256.Size]byte

// sums says for each file by name what it held when it was read.
type sums map[string]sum

// readFile returns what a file holds, at most limit bytes. Its errors do not
// say the name.
func readFile(name string, limit int64) ([]byte, error) {
	// To open a pipe may block for ever.
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
		return nil, fmt.Errorf("longer than %d KiB", limit>>10)
	}
	return data, nil
}

// withoutPath drops "open /path:" from an error, for it is said beside it.
func withoutPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// file reads a file and remembers that it did.
func (s sums) file(name string, limit int64) ([]byte, error) {
	data, err := readFile(name, limit)
	if err != nil {
		return nil, err
	}
	s[name] = sha256.Sum256(data)
	return data, nil
}

// secret reads a file that holds a secret and nothing else but perhaps a line
// break at its end.
func (s sums) secret(name string) (secret.Secret, error) {
	data, err := s.file(name, maxSecretFile)
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

// checkSecret refuses what was pasted or written wrongly: no secret or key that
// travels in a header or a query has such characters.
func checkSecret(text string) error {
	if !utf8.ValidString(text) || strings.TrimSpace(text) != text ||
		strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\ufeff' }) {
		return errors.New("has line breaks or control characters in it, or white space at an end")
	}
	return nil
}
