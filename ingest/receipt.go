package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"sync"
	"time"

	"parley/schemas"
)

// receipt says where in the log a call is, and since when. It is authenticated together with the account and the
// request id, which it does not carry, so that a poll can tell a call that was acknowledged but not read yet from
// one that was never accepted, and nobody can make one up. In a URL it is the base64url of
//
//	version 1 | partition 4 | offset 8 | accepted at, ms since 1970 8 | MAC 16
//
// with big-endian numbers; the MAC is the first half of an HMAC-SHA256 (RFC 2104 section 5). In version 2, that of a call
// which its Idempotency-Key identifies, the content of the call, 8 bytes, precedes the MAC.
type receipt struct {
	schemas.Position
	acceptedAt time.Time
	// content is the schemas.Content of the call that was acknowledged, which may not be the one that stands; zero: no
	// Idempotency-Key identifies it.
	content uint64
}

const (
	receiptPlain = 1 // the versions
	receiptKeyed = 2

	receiptMAC     = 16
	receiptBody    = 1 + 4 + 8 + 8
	receiptContent = 8
)

// errReceipt is of a receipt that this secret did not sign for this account and request id.
var errReceipt = errors.New("not a receipt of this request")

// receipts writes and reads receipts with one secret. They may be shared.
type receipts struct {
	secret  []byte
	signers *sync.Pool // of *signer
}

// signer is an HMAC that has worked the secret in already, and room for what it signs and for the MAC.
type signer struct {
	mac  hash.Hash
	name []byte
	room [receiptBody + receiptContent + sha256.Size]byte
}

func (r receipts) signer() *signer {
	if s, ok := r.signers.Get().(*signer); ok {
		return s
	}
	return &signer{mac: hmac.New(sha256.New, r.secret)}
}

func newReceipts(secret []byte) receipts { return receipts{secret, new(sync.Pool)} }

func (r receipts) write(account string, id schemas.RequestID, rc receipt) string {
	s := r.signer()
	defer r.signers.Put(s)
	b := append(s.room[:0], receiptPlain)
	b = binary.BigEndian.AppendUint32(b, uint32(rc.Partition))
	b = binary.BigEndian.AppendUint64(b, uint64(rc.Offset))
	b = binary.BigEndian.AppendUint64(b, uint64(rc.acceptedAt.UnixMilli()))
	if rc.content != 0 {
		b[0] = receiptKeyed
		b = binary.BigEndian.AppendUint64(b, rc.content)
	}
	b = s.sign(b, account, id)
	return string(base64.RawURLEncoding.AppendEncode(make([]byte, 0, 2*len(s.room)), b))
}

// read returns errReceipt unless text is what write returned for the same account and id.
func (r receipts) read(account string, id schemas.RequestID, text string) (receipt, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	body := len(b) - receiptMAC
	if err != nil || body < receiptBody {
		return receipt{}, errReceipt
	}
	s := r.signer()
	defer r.signers.Put(s)
	if !hmac.Equal(b, s.sign(append(s.room[:0], b[:body]...), account, id)) {
		return receipt{}, errReceipt
	}
	rc := receipt{
		Position: schemas.Position{
			Partition: int32(binary.BigEndian.Uint32(b[1:])),
			Offset:    int64(binary.BigEndian.Uint64(b[5:])),
		},
		acceptedAt: time.UnixMilli(int64(binary.BigEndian.Uint64(b[13:]))).UTC(),
	}
	switch {
	case b[0] == receiptPlain && body == receiptBody:
		return rc, nil
	case b[0] == receiptKeyed && body == receiptBody+receiptContent:
		rc.content = binary.BigEndian.Uint64(b[receiptBody:])
		return rc, nil
	}
	return receipt{}, errReceipt // a newer version wrote it
}

// sign appends the MAC of body. The account holds no zero byte, so no two accounts and ids read alike.
func (s *signer) sign(body []byte, account string, id schemas.RequestID) []byte {
	s.name = append(append(s.name[:0], "parley.receipt\x00"...), account...)
	s.name = append(append(s.name, 0), id[:]...)
	s.mac.Reset()
	s.mac.Write(s.name)
	s.mac.Write(body)
	return s.mac.Sum(body)[:len(body)+receiptMAC]
}
