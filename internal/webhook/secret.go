package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	secretPrefix = "whsec_"
	// keyBytes are those of a secret that is made here; a secret has keyBytesMin to keyBytesMax.
	keyBytes    = 32
	keyBytesMin = 24
	keyBytesMax = 64
)

// Secret is what sender and receiver of callbacks share. The zero value is none. It is comparable only by Equal, and is
// not shown by accident: String gives its id.
type Secret struct {
	key []byte
}

// NewSecret returns a secret that nobody knows.
func NewSecret() Secret {
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // it never fails: its documentation
	return Secret{key: key}
}

// ParseSecret reads the text of a secret. Its error does not show it.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return Secret{}, fmt.Errorf("a secret begins with %s", secretPrefix)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // which the decoder skips
		return Secret{}, fmt.Errorf("what follows %s is no base64; it may be cut off", secretPrefix)
	}
	if len(key) < keyBytesMin || len(key) > keyBytesMax {
		return Secret{}, fmt.Errorf("the secret has %d bytes; %d to %d are good", len(key), keyBytesMin, keyBytesMax)
	}
	return Secret{key: key}, nil
}

// Text is the secret itself, for whoever may have it.
func (s Secret) Text() string { return secretPrefix + base64.StdEncoding.EncodeToString(s.key) }

// ID names the secret, and tells nothing of it: 8 hexadecimal digits of its SHA-256.
func (s Secret) ID() string {
	sum := sha256.Sum256(s.key)
	return hex.EncodeToString(sum[:4])
}

// String is the id of the secret.
func (s Secret) String() string { return "secret " + s.ID() }

// GoString is String: %#v shows no secret.
func (s Secret) GoString() string { return s.String() }

// Equal reports whether two secrets are the same. How long that takes says nothing of them.
func (s Secret) Equal(other Secret) bool { return hmac.Equal(s.key, other.key) }
