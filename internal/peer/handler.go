package peer

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// HandlerConfig is what a Handler is made of. All fields are required.
type HandlerConfig struct {
	// Owner is the processor of this process. It asks nobody else.
	Owner   Owner
	Key     *Key
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Handler answers the questions of other nodes, below Path. Anybody may reach it: what is not signed with the key, or
// was signed too long ago, is answered with 403.
type Handler struct {
	cfg     HandlerConfig
	mux     *http.ServeMux
	refused prometheus.Counter
}

// NewHandler returns a handler. It fails when its metrics are registered already.
func NewHandler(cfg HandlerConfig) (*Handler, error) {
	h := &Handler{cfg: cfg, mux: http.NewServeMux(), refused: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "parley_peer_refused_total",
		Help: "Questions that were refused: not signed with our secret, or too long ago.",
	})}
	if err := cfg.Metrics.Register(h.refused); err != nil {
		return nil, err
	}
	h.mux.Handle("POST "+pathRequest, answering(h, cfg.Owner.Request))
	h.mux.Handle("POST "+pathConversation, answering(h, cfg.Owner.Conversation))
	h.mux.Handle("POST "+pathAnswer, answering(h, ofItsOwn(cfg.Owner.Answer)))
	h.mux.Handle("POST "+pathRouteOutage, answering(h, ofItsOwn(cfg.Owner.RouteOutage)))
	h.mux.Handle("POST "+pathDeliveries, answering(h, ofItsOwn(cfg.Owner.Deliveries)))
	h.mux.Handle("POST "+pathUsage, answering(h, cfg.Owner.Usage))
	h.mux.Handle("POST "+pathConversations, answering(h, cfg.Owner.Conversations))
	h.mux.Handle("POST "+pathErasures, answering(h, cfg.Owner.Erasures))
	h.mux.Handle("POST "+pathAudit, answering(h, cfg.Owner.Audit))
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// ofItsOwn is for a question that names its partition.
func ofItsOwn[Q, R any](ask func(context.Context, Q) (R, error)) func(context.Context, Q, ...int32) (R, error) {
	return func(ctx context.Context, q Q, _ ...int32) (R, error) { return ask(ctx, q) }
}

func answering[Q, R any](h *Handler, ask func(context.Context, Q, ...int32) (R, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, mac := h.admit(w, r)
		if mac == nil {
			h.refused.Inc()
			http.Error(w, "not a question of a node of this installation, or the clocks differ", http.StatusForbidden)
			return
		}
		var q asked[Q]
		if err := decode(body, &q); err != nil {
			http.Error(w, "the question cannot be read: "+err.Error(), http.StatusBadRequest)
			return
		}
		var s said[R]
		if found, err := ask(r.Context(), q.Query, q.In...); err != nil {
			s.Failure = failureOf(err)
		} else {
			s.Answer = &found
		}
		b, err := encode(s)
		if err != nil {
			h.cfg.Log.Error("answer for another node cannot be encoded", slog.String("path", r.URL.Path), slog.Any("error", err))
			http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set(headerMAC, base64.RawURLEncoding.EncodeToString(h.cfg.Key.answer(mac, b)))
		_, _ = w.Write(b) // who has left does not need it
	}
}

const (
	// skewMax bounds how far the clocks of two nodes may differ, and for how long a question is good.
	skewMax = 30 * time.Second
	// questionBytesMax bounds the body of a question; a list of all partitions has 10 KiB.
	questionBytesMax = 64 << 10
)

// admit reads a question and returns it with its MAC. No MAC: it is not one of ours, or is too old.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request) (body, mac []byte) {
	at := r.Header.Get(headerTime)
	milli, err := strconv.ParseInt(at, 10, 64)
	if err != nil || time.Since(time.UnixMilli(milli)).Abs() > skewMax {
		return nil, nil
	}
	given, err := base64.RawURLEncoding.DecodeString(r.Header.Get(headerMAC))
	if err != nil {
		return nil, nil
	}
	if body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, questionBytesMax)); err != nil {
		return nil, nil
	}
	if mac = h.cfg.Key.question(r.Method, r.URL.EscapedPath(), at, body); !hmac.Equal(mac, given) {
		return nil, nil
	}
	return body, mac
}
