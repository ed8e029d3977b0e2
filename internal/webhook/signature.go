package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headers of a callback, in the form in which net/http keeps them.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// versionPrefix stands before a signature of the kind that is made here. Those of other kinds are passed over.
const versionPrefix = "v1,"

// Sign sets the headers of a callback which is sent at a time. Each of the secrets, at least one, signs.
func Sign(h http.Header, id string, at time.Time, body []byte, secrets ...Secret) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	var signatures []byte
	for i, s := range secrets {
		if i > 0 {
			signatures = append(signatures, ' ')
		}
		signatures = append(signatures, versionPrefix...)
		signatures = base64.StdEncoding.AppendEncode(signatures, s.sum(id, timestamp, body))
	}
	h[HeaderID] = []string{id}
	h[HeaderTimestamp] = []string{timestamp}
	h[HeaderSignature] = []string{string(signatures)}
}

func (s Secret) sum(id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	// A hash takes all that is written to it, and returns no error: its documentation.
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// Why a callback is not believed.
var (
	// ErrUnsigned: it has not the three headers, once each.
	ErrUnsigned = errors.New("it is not signed: the headers webhook-id, webhook-timestamp and webhook-signature come with a callback, once each")
	// ErrSignature: none of the secrets has signed it, or it was changed.
	ErrSignature = errors.New("no signature is by a secret that is known here")
	// ErrTime: it was sent long ago, and may be repeated by somebody who saw it; or one of the clocks is wrong.
	ErrTime = errors.New("its time is too far from now")
)

// Tolerance is how far the time of a callback may be from ours, as the reference libraries have it.
const Tolerance = 5 * time.Minute

// signaturesMax bounds how many signatures of a callback are looked at.
const signaturesMax = 32

// Verify says whether one of the secrets has signed the body that came with the headers, not longer than Tolerance before
// or after now. The error is one of those above, and may say more.
func Verify(h http.Header, body []byte, now time.Time, secrets ...Secret) error {
	for _, name := range []string{HeaderID, HeaderTimestamp, HeaderSignature} {
		if len(h[name]) != 1 || h[name][0] == "" {
			return ErrUnsigned
		}
	}
	id, timestamp := h[HeaderID][0], h[HeaderTimestamp][0]
	if !signed(h[HeaderSignature][0], id, timestamp, body, secrets) {
		return ErrSignature
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: webhook-timestamp is no count of seconds", ErrTime)
	}
	at := time.Unix(seconds, 0)
	if at.Before(now.Add(-Tolerance)) || at.After(now.Add(Tolerance)) {
		return fmt.Errorf("%w: it is %s, and was signed at %s", ErrTime, now.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	}
	return nil
}

// signed reports whether one of the signatures is by one of the secrets. How long that takes says which is tried, and
// nothing of how near a wrong one comes.
func signed(signatures, id, timestamp string, body []byte, secrets []Secret) bool {
	sums := make([][]byte, len(secrets))
	for i, s := range secrets {
		sums[i] = s.sum(id, timestamp, body)
	}
	tried := 0
	for signature := range strings.SplitSeq(signatures, " ") {
		encoded, ok := strings.CutPrefix(signature, versionPrefix)
		if !ok {
			continue
		}
		if tried++; tried > signaturesMax {
			return false
		}
		given, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			continue
		}
		for _, sum := range sums {
			if hmac.Equal(given, sum) {
				return true
			}
		}
	}
	return false
}
