package account

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// An access token stands for an API key for a short time, for clients that fetch one before they do anything (RFC 6749, section 4.4).
// It is self-contained, so that any node can check it, and names the key, so that it is good no longer than that. It is the base64url,
// without padding, of
//
//	version 1 | id of the key 10 | expires, s since 1970 8 | MAC 16
//
// with a big-endian number: 47 characters, fewer than a key has. The MAC is the first half of an HMAC-SHA256 (RFC 2104, section 5) under
// a key that HKDF (RFC 5869) makes of the secret of the installation.
const (
	accessVersion  = 1
	accessBody     = 1 + idSize + 8
	accessMAC      = 16
	accessKeyLabel = "parley.access-token"
)

var (
	// ErrAccessTokenForm is of a text that is no access token of this installation.
	ErrAccessTokenForm = errors.New("this is not an access token of this installation")
	// ErrAccessTokenExpired is of an access token that was good until it expired.
	ErrAccessTokenExpired = errors.New("the access token has expired")
)

// AccessTokens makes and reads access tokens. It is safe for concurrent use.
type AccessTokens struct {
	key []byte
}

// NewAccessTokens returns those of the installation with a secret.
func NewAccessTokens(secret []byte) (AccessTokens, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, accessKeyLabel, sha256.Size)
	if err != nil {
		return AccessTokens{}, fmt.Errorf("derive key: %w", err)
	}
	return AccessTokens{key}, nil
}

// Make returns a token that stands for the key with a valid id until it expires, in whole seconds.
func (t AccessTokens) Make(key string, expires time.Time) string {
	b := make([]byte, 0, accessBody+sha256.Size)
	b = append(b, accessVersion)
	b = append(b, key...)
	b = binary.BigEndian.AppendUint64(b, uint64(expires.Unix()))
	return base64.RawURLEncoding.EncodeToString(t.sign(b))
}

// Read returns the id of the key that a token stands for. Its error is ErrAccessTokenForm or ErrAccessTokenExpired: what is not ours is
// not even told that it is too late.
func (t AccessTokens) Read(text string, now time.Time) (key string, err error) {
	// The decoder ignores line breaks: a text of another length is refused before.
	if len(text) != base64.RawURLEncoding.EncodedLen(accessBody+accessMAC) {
		return "", ErrAccessTokenForm
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != accessBody+accessMAC || b[0] != accessVersion || !hmac.Equal(b, t.sign(b[:accessBody:accessBody])) {
		return "", ErrAccessTokenForm
	}
	if expires := int64(binary.BigEndian.Uint64(b[1+idSize:])); now.Unix() >= expires {
		return "", ErrAccessTokenExpired
	}
	return string(b[1:][:idSize]), nil
}

// sign appends the MAC of b.
func (t AccessTokens) sign(b []byte) []byte {
	h := hmac.New(sha256.New, t.key)
	h.Write(b)
	return h.Sum(b)[:len(b)+accessMAC]
}
