// Command receiver receives Parley's callbacks, with nothing but the standard library of Go 1.24 and later:
//
//	PARLEY_WEBHOOK_SECRET=$(parley webhooks show --secret) go run receiver.go 127.0.0.1:9191
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// tolerance is how far the time of a callback may be from now: an older one may be repeated by somebody who saw it.
const tolerance = 5 * time.Minute

// bodyBytesMax bounds what is read of strangers. Parley cuts what would be longer.
const bodyBytesMax = 16 << 20

// verify says whether one of the secrets has signed the body, within the tolerance. The body is the bytes as they came:
// JSON that was decoded and encoded again is signed no more.
func verify(secrets [][]byte, h http.Header, body []byte, now time.Time) error {
	id, timestamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" {
		return errors.New("it is not signed")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return errors.New("its time is too far from now")
	}
	for signature := range strings.FieldsSeq(h.Get("webhook-signature")) { // one for each secret that the sender has
		encoded, ok := strings.CutPrefix(signature, "v1,")
		given, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil {
			continue
		}
		for _, secret := range secrets {
			mac := hmac.New(sha256.New, secret)
			fmt.Fprintf(mac, "%s.%s.", id, timestamp)
			mac.Write(body)
			if hmac.Equal(given, mac.Sum(nil)) { // which takes as long whatever is given
				return nil
			}
		}
	}
	return errors.New("no signature is by a secret that is known here")
}

// parseSecrets reads secrets as whsec_..., with commas between them.
func parseSecrets(text string) (secrets [][]byte, _ error) {
	for one := range strings.SplitSeq(text, ",") {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(one, "whsec_"))
		if err != nil || len(key) < 24 {
			return nil, errors.New("PARLEY_WEBHOOK_SECRET is not set to secrets as parley webhooks shows them")
		}
		secrets = append(secrets, key)
	}
	return secrets, nil
}

func receive(secrets [][]byte, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBytesMax))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := verify(secrets, r.Header, body, time.Now()); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	var event struct{ Type, Sequence string }
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	// Keep it, under its webhook-id, before you answer: what you have answered with 2xx does not come again, and what you
	// have not may come twice with the same id. What takes long is done later.
	log.Printf("%s %s %s", r.Header.Get("webhook-id"), event.Type, event.Sequence)
	w.WriteHeader(http.StatusNoContent)
}

func main() {
	secrets, err := parseSecrets(os.Getenv("PARLEY_WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	if len(os.Args) != 2 {
		log.Fatal("say where to listen, as 127.0.0.1:9191")
	}
	l, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", l.Addr())
	server := http.Server{
		ReadTimeout: time.Minute,
		Handler:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { receive(secrets, w, r) }),
	}
	log.Fatal(server.Serve(l))
}
