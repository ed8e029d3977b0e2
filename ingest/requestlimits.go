package ingest

import (
	"errors"
	"fmt"
	"time"

	"parley/schemas"
)

// RequestLimits bound what is taken at a time, and how long anybody waits. Every field is configurable.
type RequestLimits struct {
	// RequestCallsMax bounds the calls of one request.
	RequestCallsMax int
	// RequestBytesMax bounds the body of one request, decompressed.
	RequestBytesMax int64
	// BytesInFlightMax bounds the bodies that are being read or are on their way to the log, in sum; beyond it
	// requests are answered with 503 at once. More than RequestBytesMax: the end of the longest body is seen one byte
	// behind it. The memory used is about three times as much.
	BytesInFlightMax int64
	// WaitMax bounds the wait of a poll; a longer one is taken as this.
	WaitMax time.Duration
	// SynchronousWait is how long a Synchronous call is waited for; then it is answered with 504, and goes on.
	SynchronousWait time.Duration
	// WaitingMax bounds the requests that wait for the end of their call at once. Beyond it a Synchronous call is
	// answered with 503 and not queued, and Prefer: wait is not applied.
	WaitingMax int
	// StreamsMax bounds the streams of events that are open at once.
	StreamsMax int
	// StreamTimeMax is how long a stream is open at the most; its client comes again.
	StreamTimeMax time.Duration
	// ExtractsMax bounds the extracts that are under way at once. Each takes a connection to ClickHouse and, as parquet, up
	// to some 100 MB of memory here.
	ExtractsMax int
	// ExtractPatience is how long the client of an extract may take nothing of it.
	ExtractPatience time.Duration
	// ConnectionsMax bounds the connections that are open; beyond it the next wait until one is closed.
	ConnectionsMax int
	// HeaderTimeout is how long the headers of a request may take.
	HeaderTimeout time.Duration
	// BodyTimeout is how long a body may take, beyond a second for each MiB that has come; then its request is answered
	// with 408, and its connection closed.
	BodyTimeout time.Duration
	// ProduceTimeout is how long the brokers may stay silent before a request is given up; it is answered with 503
	// within another 200 ms.
	ProduceTimeout time.Duration
}

// DefaultRequestLimits are the documented ones.
func DefaultRequestLimits() RequestLimits {
	return RequestLimits{
		RequestCallsMax:  10_000,
		RequestBytesMax:  64 << 20,
		BytesInFlightMax: 128 << 20,
		WaitMax:          time.Minute,
		SynchronousWait:  time.Minute,
		WaitingMax:       1_000,
		StreamsMax:       10_000,
		StreamTimeMax:    15 * time.Minute,
		ExtractsMax:      8,
		ExtractPatience:  30 * time.Second,
		ConnectionsMax:   16_384,
		HeaderTimeout:    5 * time.Second,
		BodyTimeout:      10 * time.Second,
		ProduceTimeout:   700 * time.Millisecond,
	}
}

// Check reports every limit that cannot be, by the name of its setting, where calls may be as long as limits say.
func (r RequestLimits) Check(calls schemas.Limits) error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	need(r.RequestCallsMax >= 1, "PARLEY_REQUEST_CALLS_MAX is %d; it is at least 1", r.RequestCallsMax)
	need(r.RequestBytesMax >= int64(calls.CallBytesMax), "PARLEY_REQUEST_BYTES_MAX is %d; it is at least PARLEY_CALL_BYTES_MAX (%d), or the longest call could not be sent", r.RequestBytesMax, calls.CallBytesMax)
	need(r.BytesInFlightMax > r.RequestBytesMax, "PARLEY_BYTES_IN_FLIGHT_MAX is %d; it is more than PARLEY_REQUEST_BYTES_MAX (%d), or the longest request could not be taken", r.BytesInFlightMax, r.RequestBytesMax)
	need(r.WaitMax > 0, "PARLEY_WAIT_MAX is %s; it is positive", r.WaitMax)
	need(r.SynchronousWait > 0, "PARLEY_SYNCHRONOUS_WAIT is %s; it is positive", r.SynchronousWait)
	need(r.WaitingMax >= 1, "PARLEY_WAITING_MAX is %d; it is at least 1", r.WaitingMax)
	need(r.StreamsMax >= 1, "PARLEY_STREAMS_MAX is %d; it is at least 1", r.StreamsMax)
	need(r.StreamTimeMax > 0, "PARLEY_STREAM_TIME_MAX is %s; it is positive", r.StreamTimeMax)
	need(r.ExtractsMax >= 1, "PARLEY_EXTRACTS_MAX is %d; it is at least 1", r.ExtractsMax)
	need(r.ExtractPatience > 0, "PARLEY_EXTRACT_PATIENCE is %s; it is positive", r.ExtractPatience)
	need(r.ConnectionsMax >= 1, "PARLEY_CONNECTIONS_MAX is %d; it is at least 1", r.ConnectionsMax)
	need(r.HeaderTimeout > 0, "PARLEY_HEADER_TIMEOUT is %s; it is positive", r.HeaderTimeout)
	need(r.BodyTimeout > 0, "PARLEY_BODY_TIMEOUT is %s; it is positive", r.BodyTimeout)
	need(r.ProduceTimeout > 0, "PARLEY_PRODUCE_TIMEOUT is %s; it is positive", r.ProduceTimeout)
	return errors.Join(errs...)
}

// withDefaults returns r with the zero fields set to their defaults.
func (r RequestLimits) withDefaults() RequestLimits {
	byDefault := DefaultRequestLimits()
	orDefault(&r.RequestCallsMax, byDefault.RequestCallsMax)
	orDefault(&r.RequestBytesMax, byDefault.RequestBytesMax)
	orDefault(&r.BytesInFlightMax, byDefault.BytesInFlightMax)
	orDefault(&r.WaitMax, byDefault.WaitMax)
	orDefault(&r.SynchronousWait, byDefault.SynchronousWait)
	orDefault(&r.WaitingMax, byDefault.WaitingMax)
	orDefault(&r.StreamsMax, byDefault.StreamsMax)
	orDefault(&r.StreamTimeMax, byDefault.StreamTimeMax)
	orDefault(&r.ExtractsMax, byDefault.ExtractsMax)
	orDefault(&r.ExtractPatience, byDefault.ExtractPatience)
	orDefault(&r.ConnectionsMax, byDefault.ConnectionsMax)
	orDefault(&r.HeaderTimeout, byDefault.HeaderTimeout)
	orDefault(&r.BodyTimeout, byDefault.BodyTimeout)
	orDefault(&r.ProduceTimeout, byDefault.ProduceTimeout)
	return r
}
