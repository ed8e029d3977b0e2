package peer

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
)

// keyLabel sets the key apart from all others that are made of the same secret.
const keyLabel = "parley.peer"

// Key is what the nodes of an installation know, and nobody else. It is safe for concurrent use.
type Key struct {
	key []byte
}

// NewKey returns the key of a secret, which all nodes share.
func NewKey(secret []byte) (*Key, error) {
	if len(secret) == 0 {
		return nil, errors.New("there is no secret to sign questions with")
	}
	key, err := hkdf.Key(sha256.New, secret, nil, keyLabel, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return &Key{key: key}, nil
}

// question is the MAC of a question. None of its parts but the body can hold a zero byte.
func (k *Key) question(method, path, at string, body []byte) []byte {
	return k.sign([]byte("question\x00"+method+"\x00"+path+"\x00"+at+"\x00"), body)
}

// answer is the MAC of the answer to the question that has a MAC.
func (k *Key) answer(question, body []byte) []byte {
	return k.sign(append([]byte("answer\x00"), question...), body)
}

func (k *Key) sign(about, body []byte) []byte {
	sum := sha256.Sum256(body)
	h := hmac.New(sha256.New, k.key)
	h.Write(about)
	h.Write(sum[:])
	return h.Sum(nil)
}
