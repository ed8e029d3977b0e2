// Package receive is a receiver of callbacks: it verifies them, and tells what it got.
package receive

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"parley/internal/webhook"
	"parley/schemas"
)

// Config is what a Receiver is made of. Every field is required.
type Config struct {
	// Secrets are those of which one must have signed a callback.
	Secrets []webhook.Secret
	// Answer is the status that callbacks are answered with, once they are verified.
	Answer int
	// Took is told of each callback that was verified, Refused why one was not. One is called at a time.
	Took    func(Callback)
	Refused func(why error)
}

// Callback is one that was verified.
type Callback struct {
	ID string
	// Again: its ID came before.
	Again bool
	// Form: Body is a form, as whom a call by SOAP has named is told, else a JSON document.
	Form bool
	Body []byte
}

// Receiver is an http.Handler that takes callbacks.
type Receiver struct {
	cfg Config

	mu   sync.Mutex
	seen map[string]bool
	// order holds the ids that are in seen, the oldest at next.
	order []string
	next  int
}

// seenMax bounds how many ids are remembered.
const seenMax = 10_000

// New returns a receiver.
func New(cfg Config) *Receiver {
	return &Receiver{cfg: cfg, seen: make(map[string]bool)}
}

// bodyBytesMax bounds a callback.
const bodyBytesMax = 64 << 20

// ServeHTTP verifies a callback and answers it: 401 when it is not to be believed.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, status, err := r.verified(w, request)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.cfg.Refused(err)
		http.Error(w, err.Error(), status)
		return
	}
	id := request.Header.Get(webhook.HeaderID)
	form := request.Header.Get("Content-Type") == schemas.ContentForm
	r.cfg.Took(Callback{ID: id, Again: r.again(id), Form: form, Body: body})
	w.WriteHeader(r.cfg.Answer)
}

// verified returns the body of a callback that is to be believed; the error says why another is not, and with which status
// it is answered.
func (r *Receiver) verified(w http.ResponseWriter, request *http.Request) (body []byte, status int, _ error) {
	if request.Method != http.MethodPost {
		return nil, http.StatusMethodNotAllowed, fmt.Errorf("callbacks come by POST, not by %.20s", request.Method)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, bodyBytesMax))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("the body has more than %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return nil, http.StatusBadRequest, fmt.Errorf("read body: %w", err)
	}
	if err := webhook.Verify(request.Header, body, time.Now(), r.cfg.Secrets...); err != nil {
		return nil, http.StatusUnauthorized, err
	}
	return body, 0, nil
}

// again reports whether an id came before, and remembers it.
func (r *Receiver) again(id string) bool {
	if r.seen[id] {
		return true
	}
	if len(r.order) < seenMax {
		r.order = append(r.order, id)
	} else {
		delete(r.seen, r.order[r.next])
		r.order[r.next] = id
		r.next = (r.next + 1) % seenMax
	}
	r.seen[id] = true
	return false
}
