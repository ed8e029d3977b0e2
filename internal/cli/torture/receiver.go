package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"parley/internal/proxy"
	"parley/internal/webhook"
	"parley/schemas"
)

const (
	ruleSigned    rule = "callbacks that are signed with the secret of their account"
	ruleWebhookID rule = "callbacks under the one webhook-id of their delivery"
	ruleSameSaid  rule = "callbacks that came again and said the same"
)

// receiver takes the callbacks of all accounts. It is not tortured, but for the proxy before one of its addresses.
type receiver struct {
	checks *checks
	server *http.Server
	served sync.WaitGroup
	// away is what stands before receiverAway.
	away *proxy.Proxy
	at   addresses
	// secrets are those of each account. Nothing comes before they are there.
	secrets map[string][]webhook.Secret

	mu        sync.Mutex
	callbacks map[telling]*callback
	of        map[string]telling // by webhook-id
}

// callback is what came of a telling.
type callback struct {
	id string
	// said is what it said when it came first, without its cursor, which differs.
	said schemas.Callback
	// came counts the times that it came, taken those of them after which it was never to come again.
	came, taken int
}

// openReceiver listens.
func openReceiver(ctx context.Context, c *checks) (*receiver, error) {
	r := &receiver{checks: c, at: make(addresses), callbacks: make(map[telling]*callback), of: make(map[string]telling)}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	for _, name := range receivers {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen for callbacks: %w", err), r.close())
		}
		r.at[name] = l.Addr().String()
		r.served.Go(func() {
			_ = r.server.Serve(l) // it ends by close; what does not come is missed
		})
	}
	var err error
	if r.away, err = proxy.Open(proxy.Config{Listen: "127.0.0.1:0", Target: r.at[receiverAway]}); err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.at[receiverAway] = r.away.Addr()
	return r, nil
}

func (r *receiver) close() error {
	err := r.server.Close()
	r.served.Wait()
	if r.away != nil {
		err = errors.Join(err, r.away.Close())
	}
	return err
}

// secrets asks with what the callbacks of each account are signed.
func (r *run) secrets(ctx context.Context) (map[string][]webhook.Secret, error) {
	secrets := make(map[string][]webhook.Secret)
	for _, account := range accounts {
		var have schemas.WebhooksResource
		err := r.ask(ctx, func(m *member) (err error) {
			have, err = m.clients[account].Webhooks(ctx)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("ask for the secrets of %s: %w", account, err)
		}
		for _, s := range have.Secrets {
			secret, err := webhook.ParseSecret(s.Secret)
			if err != nil {
				return nil, fmt.Errorf("secret of %s: %w", account, err)
			}
			secrets[account] = append(secrets[account], secret)
		}
	}
	return secrets, nil
}

// receiverPrompt refuses one callback of so many when it first comes, and of another its answer is lost.
const (
	moods = 8

	moodRefuses = 0
	moodUnheard = 1
)

// slowMax is the longest that receiverSlow takes: far less than an attempt may.
const slowMax = 1500 * time.Millisecond

// ServeHTTP takes a callback.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // its sender has gone, and will come again
	}
	account, name, _ := strings.Cut(strings.TrimPrefix(request.URL.Path, "/"), "/")
	if err := webhook.Verify(request.Header, body, time.Now(), r.secrets[account]...); err != nil {
		r.checks.broke(ruleSigned, "at %s: %v", request.URL.Path, err)
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	r.checks.held(ruleSigned)
	var said schemas.Callback
	if err := json.Unmarshal(body, &said); err != nil {
		r.checks.broke(ruleSameSaid, "at %s: %v", request.URL.Path, err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id, what := request.Header.Get(webhook.HeaderID), telling{said.Sequence, r.at.of(account, name)}
	if name == receiverSlow && !pause(request.Context(), time.Duration(lotOf(id)%uint64(slowMax))) {
		return
	}
	came := r.note(what, id, said)
	if name == receiverPrompt && came == 1 {
		switch lotOf(id) % moods {
		case moodRefuses:
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		case moodUnheard:
			r.take(what)
			panic(http.ErrAbortHandler) // the way to end a connection without a word (net/http)
		}
	}
	r.take(what)
	w.WriteHeader(http.StatusNoContent)
}

// note writes a callback down, and returns how often it has come.
func (r *receiver) note(what telling, id string, said schemas.Callback) int {
	said.Cursor = ""
	r.mu.Lock()
	defer r.mu.Unlock()
	c, again := r.callbacks[what]
	if !again {
		c = &callback{id: id, said: said}
		r.callbacks[what] = c
	}
	if other, known := r.of[id]; c.id != id || known && other != what {
		r.checks.broke(ruleWebhookID, "%s at %s: %s, and %s, which %s has, too", what.event, what.address, c.id, id, other.event)
	} else {
		r.checks.held(ruleWebhookID)
	}
	r.of[id] = what
	switch {
	case again && !reflect.DeepEqual(said, c.said):
		r.checks.broke(ruleSameSaid, "%s at %s: %+v, and %+v", what.event, what.address, c.said, said)
	case again:
		r.checks.held(ruleSameSaid)
	}
	c.came++
	return c.came
}

// take notes that a callback was taken.
func (r *receiver) take(what telling) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.callbacks[what].taken++
}

// heard returns what has come so far.
func (r *receiver) heard() map[telling]callback {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[telling]callback, len(r.callbacks))
	for what, c := range r.callbacks {
		all[what] = *c
	}
	return all
}

// lotOf is a number that follows from a name.
func lotOf(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // it never fails: its documentation
	return h.Sum64()
}
