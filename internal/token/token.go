// Package token makes and reads deferred tokens: whoever holds the token of a call may answer it, once, in place of the
// backend that was called. A token is self-contained, so that any node can check it without asking the call's owner. It
// is the base64url, without padding, of
//
//	version 1 | partition 4 | request id 16 | expires, s since 1970 8 | MAC 16
//
// with big-endian numbers: 60 characters, of the 100 that a token may ever have. The MAC is the first half of an
// HMAC-SHA256 (RFC 2104 section 5) under a key that HKDF (RFC 5869) makes of the secret of the installation.
package token

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"parley/schemas"
)

const (
	version   = 1
	bodyBytes = 1 + 4 + 16 + 8
	macBytes  = 16
	keyBytes  = sha256.Size

	// keyLabel sets the key apart from all others that are made of the same secret.
	keyLabel = "parley.deferred-token"
)

var (
	// ErrForged is of a token that was not made with any of the secrets.
	ErrForged = errors.New("not a token of this installation")
	// ErrExpired is of a token that was good until it expired.
	ErrExpired = errors.New("token has expired")
)

// Token names a call that may be answered.
type Token struct {
	// Partition of parley.calls whose owner takes the answer.
	Partition int32
	RequestID schemas.RequestID
	// Expires is when it is too late to answer, in whole seconds.
	Expires time.Time
}

// Signer makes and verifies tokens. It is safe for concurrent use.
type Signer struct {
	keys [][]byte
}

// NewSigner returns a signer that makes tokens with the first secret and accepts those made with any: a secret that is
// replaced stays behind the new one until its last token has expired.
func NewSigner(secrets ...[]byte) (*Signer, error) {
	if len(secrets) == 0 {
		return nil, errors.New("there is no secret to sign tokens with")
	}
	s := new(Signer)
	for i, secret := range secrets {
		if len(secret) == 0 {
			return nil, fmt.Errorf("secret %d is empty", i)
		}
		key, err := hkdf.Key(sha256.New, secret, nil, keyLabel, keyBytes)
		if err != nil {
			return nil, fmt.Errorf("derive key: %w", err)
		}
		s.keys = append(s.keys, key)
	}
	return s, nil
}

// Sign returns the text of t.
func (s *Signer) Sign(t Token) string {
	b := make([]byte, 0, bodyBytes+sha256.Size)
	b = append(b, version)
	b = binary.BigEndian.AppendUint32(b, uint32(t.Partition))
	b = append(b, t.RequestID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(t.Expires.Unix()))
	return base64.RawURLEncoding.EncodeToString(appendMAC(b, s.keys[0]))
}

// Verify returns the token that text is. The error is ErrForged, or ErrExpired with the token that it was: what is not
// ours is not even told that it is too late.
func (s *Signer) Verify(text string, now time.Time) (Token, error) {
	// The decoder ignores line breaks: a text of another length is refused before.
	if len(text) != base64.RawURLEncoding.EncodedLen(bodyBytes+macBytes) {
		return Token{}, ErrForged
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != bodyBytes+macBytes || b[0] != version || !s.made(b) {
		return Token{}, ErrForged
	}
	t := Token{
		Partition: int32(binary.BigEndian.Uint32(b[1:])),
		RequestID: schemas.RequestID(b[5:21]),
		Expires:   time.Unix(int64(binary.BigEndian.Uint64(b[21:])), 0).UTC(),
	}
	if !now.Before(t.Expires) {
		return t, ErrExpired
	}
	return t, nil
}

// Check is Verify for the token of a record, of an installation with so many partitions.
func (s *Signer) Check(text string, now time.Time, partitions int32) (Token, *schemas.Problem) {
	t, err := s.Verify(text, now)
	switch {
	case errors.Is(err, ErrExpired):
		return t, &schemas.Problem{Code: schemas.CodeExpired, Pointer: "/token", Detail: "the token expired at " + t.Expires.Format(time.RFC3339)}
	case err != nil:
		return t, &schemas.Problem{Code: schemas.Forbidden, Pointer: "/token", Detail: err.Error()}
	case t.Partition < 0 || t.Partition >= partitions:
		return t, &schemas.Problem{Code: schemas.Forbidden, Pointer: "/token", Detail: fmt.Sprintf("the token names partition %d of %d", t.Partition, partitions)}
	}
	return t, nil
}

// made reports whether b ends with a MAC by one of the keys.
func (s *Signer) made(b []byte) bool {
	for _, key := range s.keys {
		if hmac.Equal(b, appendMAC(b[:bodyBytes:bodyBytes], key)) {
			return true
		}
	}
	return false
}

func appendMAC(body, key []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(body)
	return h.Sum(body)[:len(body)+macBytes]
}
