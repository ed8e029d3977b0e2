package ingest

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/telemetry"
	"parley/schemas"
)

// metrics are what /metrics shows of this package.
type metrics struct {
	calls    *prometheus.CounterVec
	accepted prometheus.Counter // of calls
	limited  *prometheus.CounterVec
	requests *prometheus.HistogramVec
	produce  prometheus.Histogram
	polls    [pollUnavailable + 1]prometheus.Counter
	// observers are those of requests that were there before: finding one in the vector costs several times as much.
	mu        sync.RWMutex
	observers map[labels]prometheus.Observer
}

// labels are those of a request.
type labels struct {
	route, method string
	status        int
}

// observe notes how long it took to answer a request.
func (m *metrics) observe(l labels, took time.Duration) {
	m.mu.RLock()
	o, ok := m.observers[l]
	m.mu.RUnlock()
	if !ok {
		o = m.requests.WithLabelValues(l.route, l.method, strconv.Itoa(l.status))
		m.mu.Lock()
		m.observers[l] = o
		m.mu.Unlock()
	}
	o.Observe(took.Seconds())
}

// holdings are what requests hold, each bounded.
type holdings struct {
	bytes       *budget
	waiting     *seats
	streams     *seats
	extracts    *seats
	connections connections
}

// gauges show how much of it is held.
func (h holdings) gauges() []prometheus.Collector {
	gauge := func(name, help string, held func() int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(held()) })
	}
	return []prometheus.Collector{
		gauge("parley_ingest_in_flight_bytes", "Bytes of bodies that are being read or are on their way to the log, and of long answers that are being written.", h.bytes.used.Load),
		gauge("parley_ingest_in_flight_limit_bytes", "What parley_ingest_in_flight_bytes may come to: beyond it requests are answered with 503.", func() int64 { return h.bytes.max }),
		gauge("parley_ingest_waiting", "Requests that wait for the end of the call that they have sent.", h.waiting.taken.Load),
		gauge("parley_ingest_streams", "Streams of events that are open.", h.streams.taken.Load),
		gauge("parley_ingest_extracts", "Extracts that are under way.", h.extracts.taken.Load),
		gauge("parley_ingest_connections", "Connections that are open.", func() int64 { return int64(len(h.connections.open)) }),
	}
}

func newMetrics(registry prometheus.Registerer, h holdings) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_ingest_calls_total",
			Help: "Calls received: accepted, or refused with a code.",
		}, []string{"code"}),
		requests: prometheus.NewHistogramVec(telemetry.Seconds("parley_ingest_request_seconds", "Time to answer an HTTP request, with the wait that it asks for."),
			[]string{"route", "method", "status"}),
		produce: prometheus.NewHistogram(telemetry.Seconds("parley_ingest_produce_seconds", "Time until the brokers had all calls of a request, or were given up.")),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_ingest_limited_total",
			Help: "Calls that a limit of their account kept out: rate, open_calls or staged_bytes.",
		}, []string{"limit"}),
		observers: make(map[labels]prometheus.Observer),
	}
	m.accepted = m.calls.WithLabelValues(string(codeAccepted))
	polls := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_ingest_polls_total",
		Help: "Questions for the status of a call or a conversation, by who answered: live, the owner; record, ClickHouse; unknown, both know nothing of it; unavailable, nobody can tell now (503).",
	}, []string{"answer"})
	for _, kind := range []string{"rate", "open_calls", "staged_bytes"} {
		m.limited.WithLabelValues(kind)
	}
	for answer, name := range pollNames {
		m.polls[answer] = polls.WithLabelValues(name)
	}
	for _, c := range append(h.gauges(), m.calls, m.requests, m.produce, m.limited, polls) {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// polled is who answered a poll.
type polled int

const (
	pollLive polled = iota
	pollRecord
	pollUnknown
	pollUnavailable
)

var pollNames = [...]string{pollLive: "live", pollRecord: "record", pollUnknown: "unknown", pollUnavailable: "unavailable"}

// codeAccepted stands in place of a code for calls that were accepted.
const codeAccepted schemas.Code = "Accepted"

func (m *metrics) count(all []taken) {
	accepted := 0
	for i := range all {
		if p := all[i].problem; p != nil {
			m.calls.WithLabelValues(string(p.Code)).Inc()
			continue
		}
		accepted++
	}
	m.accepted.Add(float64(accepted))
}
