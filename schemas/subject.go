package schemas

import (
	"crypto/sha256"
	"encoding/binary"
)

// Subject tells whose data a result is, without saying it: the first 8 bytes of a SHA-256 of an account and of an object's
// subscriberKey. Zero: the object has none. Changing how it is made hides what was recorded before.
func Subject(account, subscriberKey string) uint64 {
	if subscriberKey == "" {
		return 0
	}
	sum := sha256.Sum256(appendParts([]byte("parley.subject"), account, subscriberKey))
	return binary.BigEndian.Uint64(sum[:])
}
