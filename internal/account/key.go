package account

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"
	"unicode"

	"parley/schemas"
)

// A key as its holder has it, in letters and digits of base 32 (RFC 4648, section 6):
//
//	parley_JBSWY3DPEB_LJUFQ2LTEBUW4IDBNRWCA3DJONE5MHDJY
//	       id         secret                    checksum
//
// The id is no secret: it stands in lists and logs. The secret has 130 random bits. The checksum is the CRC-32 of all
// that stands before it, so that a key that was mistyped or cut off is told from one that does not exist, and so that
// programs that look for secrets in what was published find it without guessing: parley_[A-Z2-7]{10}_[A-Z2-7]{33}.
const (
	keyPrefix     = "parley_"
	idSize        = 10
	secretSize    = 26
	checksumSize  = 7
	checksumStart = len(keyPrefix) + idSize + 1 + secretSize
	keySize       = checksumStart + checksumSize
)

// Key is what is kept of an API key. An account may have several that are good at a time, so that one can take the
// place of another.
type Key struct {
	// ID names the key; it is no secret.
	ID      string
	Account string
	// Name is for people; it may be empty.
	Name   string
	Scopes []Scope
	// Hash is the SHA-256 of the key as its holder has it. A slow hash is for secrets that can be guessed: here there
	// is nothing to try but 2^130 secrets, and every request would pay for the slowness.
	Hash    [sha256.Size]byte
	Created time.Time
	// Expires is when the key ends by itself; zero: never.
	Expires time.Time
	// Revoked is when it was ended; zero: it was not.
	Revoked time.Time
	// By is who made the key, or changed it last.
	By string
}

// MintKey gives a key a new id and a new secret, and returns it with its text. That is told to its holder, and cannot
// be found out from the key.
func MintKey(k Key) (Key, string) {
	text := keyPrefix + rand.Text()[:idSize] + "_" + rand.Text()[:secretSize]
	text += checksum(text)
	k.ID = text[len(keyPrefix):][:idSize]
	k.Hash = hashKey(text)
	return k, text
}

// ErrKeyForm says that a text is no key: none like it was ever given out.
var ErrKeyForm = errors.New("this is not an API key, or it was mistyped or cut off")

// ParseKeyID returns the id in the text of a key. Its error is ErrKeyForm.
func ParseKeyID(text string) (string, error) {
	if len(text) != keySize || text[:len(keyPrefix)] != keyPrefix || text[checksumStart:] != checksum(text[:checksumStart]) {
		return "", ErrKeyForm
	}
	return text[len(keyPrefix):][:idSize], nil
}

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// checksum is that of what stands before it.
func checksum(text string) string {
	var buf [keySize]byte
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], crc32.ChecksumIEEE(buf[:copy(buf[:], text)]))
	var encoded [checksumSize]byte
	base32Text.Encode(encoded[:], sum[:])
	return string(encoded[:])
}

func hashKey(text string) [sha256.Size]byte {
	var buf [keySize]byte
	return sha256.Sum256(buf[:copy(buf[:], text)])
}

// Holds reports whether a text that ParseKeyID takes is this key's. How long that takes says nothing of the secret.
func (k *Key) Holds(text string) bool {
	hash := hashKey(text)
	return subtle.ConstantTimeCompare(hash[:], k.Hash[:]) == 1
}

// Ended says when and how a key has ended; empty: it has not.
func (k *Key) Ended(now time.Time) string {
	switch {
	case !k.Revoked.IsZero(): // at once, also where the clock is behind that of who revoked it
		return "was revoked at " + k.Revoked.UTC().Format(time.RFC3339)
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return "has expired at " + k.Expires.UTC().Format(time.RFC3339)
	}
	return ""
}

// nameRunesMax bounds what people call a key.
const nameRunesMax = 100

// Validate reports everything that is wrong with a key.
func (k *Key) Validate() error {
	var errs []error
	if k.ID == "" || len(k.ID) != idSize || strings.Trim(k.ID, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		errs = append(errs, fmt.Errorf("id %q: %d of A-Z 2-7", k.ID, idSize))
	}
	if !schemas.ValidAccount(k.Account) {
		errs = append(errs, fmt.Errorf("account %q: 1 to 64 of A-Z a-z 0-9 . _ -", k.Account))
	}
	if len([]rune(k.Name)) > nameRunesMax || strings.ContainsFunc(k.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		errs = append(errs, fmt.Errorf("name %q: at most %d characters that can be printed", k.Name, nameRunesMax))
	}
	if len(k.Scopes) == 0 {
		errs = append(errs, fmt.Errorf("no scopes: give some of %v", Scopes()))
	}
	for _, s := range k.Scopes {
		if !slices.Contains(Scopes(), s) {
			errs = append(errs, fmt.Errorf("scope %q: there are %v", s, Scopes()))
		}
	}
	if !k.Expires.IsZero() && !k.Expires.After(k.Created) {
		errs = append(errs, fmt.Errorf("expires %s: not after it was made", k.Expires.Format(time.RFC3339)))
	}
	return errors.Join(errs...)
}
