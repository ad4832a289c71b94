package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// KeySize is the length of a [Sealed] store's keys in bytes.
const KeySize = 32

// Sealed returns inner with the data of its records encrypted: AES-256-GCM,
// under a random nonce, bound to the record's name, generation and end, which
// stay readable. The first key seals; every key opens, so that a key can be
// changed while replicas still have the old one. A record that no key opens is
// not found, after a warning. It is an error to give no key, or one that is
// not [KeySize] long.
func Sealed(inner token.Store, warn Warn, keys ...[]byte) (token.Store, error) {
	if len(keys) == 0 {
		return nil, errors.New("encrypt the store: no key")
	}
	s := &sealed{Store: inner, warn: warn}
	for i, key := range keys {
		if len(key) != KeySize {
			return nil, fmt.Errorf("encrypt the store: key %d has %d bytes, want %d", i+1, len(key), KeySize)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("encrypt the store: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("encrypt the store: %w", err)
		}
		s.keys = append(s.keys, aead)
	}
	return s, nil
}

// sealed is a store whose records are encrypted; locks, Watch and the rest are the
// inner store's.
type sealed struct {
	token.Store
	warn Warn
	keys []cipher.AEAD
}

// sealMark begins encrypted data. It tells a record in clear from one whose key is
// lost.
const sealMark = "sealed1:"

// Load implements [token.Store].
func (s *sealed) Load(ctx context.Context, name string) (token.Record, error) {
	rec, err := s.Store.Load(ctx, name)
	if err != nil {
		return token.Record{}, err
	}
	data, err := s.open(name, rec)
	if err != nil {
		s.warn.emit("cannot decrypt a record in the store, it will be replaced", fmt.Errorf("%s: %w", name, err))
		return token.Record{}, token.ErrNotFound
	}
	rec.Data = data
	return rec, nil
}

func (s *sealed) open(name string, rec token.Record) ([]byte, error) {
	if len(rec.Data) < len(sealMark) || string(rec.Data[:len(sealMark)]) != sealMark {
		return nil, errors.New("it is not encrypted")
	}
	for _, key := range s.keys {
		if data, err := key.Open(nil, nil, rec.Data[len(sealMark):], bound(name, rec)); err == nil {
			return data, nil
		}
	}
	return nil, errors.New("it was encrypted with another key, or modified")
}

// Save implements [token.Store].
func (s *sealed) Save(ctx context.Context, name string, rec token.Record) error {
	rec.Data = s.keys[0].Seal([]byte(sealMark), nil, rec.Data, bound(name, rec))
	return s.Store.Save(ctx, name, rec)
}

// bound is what encrypted data is bound to: its record's name, generation and end.
func bound(name string, rec token.Record) []byte {
	b := binary.BigEndian.AppendUint64(nil, rec.Gen)
	b = binary.BigEndian.AppendUint64(b, uint64(micros(rec.ExpiresAt)))
	return append(b, name...)
}
