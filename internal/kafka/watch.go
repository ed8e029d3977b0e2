package kafka

import (
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sayEvery is how often it is said of a broker that it still refuses us.
const sayEvery = 30 * time.Second

// explainer says what it means that a connection to a broker has failed; nil: nothing but that it is not there.
type explainer func(broker string, err error) *RefusedError

// watch tells when brokers begin to refuse clients that run, as after a password was changed, and when they let them in again:
// kgo tries for ever, and says nothing.
type watch struct {
	explain explainer
	log     *slog.Logger

	mu   sync.Mutex
	said map[string]time.Time // when it was last said that a broker refuses; absent: it does not
}

func newWatch(explain explainer, log *slog.Logger) *watch {
	return &watch{explain: explain, log: log, said: make(map[string]time.Time)}
}

var _ kgo.HookBrokerConnect = (*watch)(nil)

// OnBrokerConnect is told of each attempt to connect.
func (w *watch) OnBrokerConnect(broker kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	at := address(broker)
	if err == nil {
		w.letIn(at)
		return
	}
	if refused := w.explain(at, err); refused != nil {
		w.refused(at, refused)
	}
}

func (w *watch) letIn(broker string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, refusing := w.said[broker]; !refusing {
		return
	}
	delete(w.said, broker)
	w.log.Info("Kafka lets us in again", slog.String("broker", broker))
}

func (w *watch) refused(broker string, why *RefusedError) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.said[broker]) < sayEvery {
		return
	}
	w.said[broker] = now
	w.log.Error("Kafka does not let us in; it is tried again until it does", slog.Any("error", why))
}

// refusals keeps the clearest refusal since it was last asked for one.
type refusals struct {
	explain explainer

	mu  sync.Mutex
	one *RefusedError
}

func newRefusals(explain explainer) *refusals { return &refusals{explain: explain} }

var _ kgo.HookBrokerConnect = (*refusals)(nil)

// OnBrokerConnect is told of each attempt to connect.
func (r *refusals) OnBrokerConnect(broker kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil {
		return
	}
	refused := r.explain(address(broker), err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if refused != nil && (r.one == nil || refused.lasts == certain) {
		r.one = refused
	}
}

// take returns it, and begins anew; nil: nobody has refused.
func (r *refusals) take() *RefusedError {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.one
	r.one = nil
	return one
}

func address(b kgo.BrokerMetadata) string { return net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))) }
