package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"parley/internal/pause"
)

// deferrals are the answers that are yet to be given.
type deferrals struct {
	ctx    context.Context //nolint:containedctx // it is the life of the answers, which outlive their requests
	stop   context.CancelFunc
	to     string
	client *http.Client
	log    *slog.Logger
	group  sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	pending map[string]bool // the calls that will be answered, by attempt.name
}

func newDeferrals(cfg Config) *deferrals {
	d := &deferrals{to: cfg.AnswerTo, client: &http.Client{Transport: &http.Transport{TLSClientConfig: cfg.Trust}}, log: cfg.Log, pending: make(map[string]bool)}
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d
}

// close gives up what has not been answered.
func (d *deferrals) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.stop()
	d.group.Wait()
	d.client.CloseIdleConnections()
}

// begin does something of a call in the background, unless it is already being done.
func (d *deferrals) begin(name string, do func(context.Context)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.pending[name] {
		return
	}
	d.pending[name] = true
	d.group.Go(func() {
		do(d.ctx)
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.pending, name)
	})
}

// answerLater sees to it that a call which is being answered 202 is executed and answered, as it tells.
func (b *Backend) answerLater(ctx context.Context, a attempt) {
	a.late = true
	told := a.call.told()
	switch told.Defer {
	case DeferEarly:
		b.settle(ctx, a)
	case DeferLate, DeferTwice:
		b.late.begin(a.name(), func(ctx context.Context) {
			if pause.For(ctx, milliseconds(told.AnswerAfterMs)) != nil {
				return
			}
			b.settle(ctx, a)
			if told.Defer == DeferTwice {
				b.settle(ctx, a)
			}
		})
	}
}

// settle executes a deferred call, unless that has been done, and answers it.
func (b *Backend) settle(ctx context.Context, a attempt) {
	done, err := b.act(a)
	if err != nil {
		return // the backend executes nothing any more, and has said so
	}
	var said struct {
		Results json.RawMessage `json:"results"`
	}
	if err := json.Unmarshal(done.body, &said); err != nil {
		panic(fmt.Sprintf("backend: decode results: %v", err)) // of our own
	}
	b.late.answer(ctx, a, encode(said))
}

// How long it is tried to answer: a node may be away, and a call may change its owner.
const (
	answerTries = 100
	answerPause = 300 * time.Millisecond
)

// answer posts an answer until the node has taken it or refused it.
func (d *deferrals) answer(ctx context.Context, a attempt, body []byte) {
	log := d.log.With("account", a.call.Account, "request", a.call.RequestID)
	for range answerTries {
		status, err := d.post(ctx, a.token, body)
		switch {
		case err == nil && status == http.StatusAccepted:
			return
		case err == nil && status < http.StatusInternalServerError:
			log.Info("deferred answer is refused", "status", status)
			return
		}
		if pause.For(ctx, answerPause) != nil {
			return
		}
	}
	log.Warn("deferred answer is given up")
}

func (d *deferrals) post(ctx context.Context, token string, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, delayMax)
	defer cancel()
	to, err := url.JoinPath(d.to, "v1", "deferred", token)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := d.client.Do(r)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
