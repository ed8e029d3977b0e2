package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/route"
	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/schemas"
)

// The benchmarks send the same bodies to a server and to a bare echo handler that does ProduceSync of the bytes as they
// come, one record a call, through a producer with the same options. The broker, in memory, and the clients are processes
// of their own, so that the processor time that is reported is the server's. With 64 clients, which send again as soon
// as they have their answer, they report acks/s, p50 and p99 of a request, and of the server its acks/s as a share of
// the bare handler's (of-bare). At a fixed rate, which does not wait for answers, they report p50, p99 and p99.9 from
// when a request should have been sent.

const (
	// benchLines is how many calls a body of NDJSON has.
	benchLines = 100
	// benchClients is how many connections wait for answers at once.
	benchClients = 64
	// openClients is how many requests may be unanswered at a fixed rate, before the next ones wait.
	openClients = 256
)

// BenchmarkPostSingle posts one part of a conversation a request.
func BenchmarkPostSingle(b *testing.B) {
	compare(b, load{Lines: 1, Clients: benchClients})
}

// BenchmarkPostNDJSON posts a hundred parts a request. It also says what share of the rate it reaches at which franz-go
// alone, with its defaults, produces the same lines (of-raw).
func BenchmarkPostNDJSON(b *testing.B) {
	compare(b, load{Lines: benchLines, Clients: benchClients})
}

// BenchmarkPostSOAP posts one part of a conversation a request, as JSON and by SOAP, and says what share of the rate of the one
// the other reaches (of-json).
func BenchmarkPostSOAP(b *testing.B) {
	broker := startBenchBroker(b)
	var plain float64
	b.Run("json", func(b *testing.B) {
		plain = send(b, broker, benchServer(b, broker), load{Lines: 1, Clients: benchClients})
	})
	b.Run("soap", func(b *testing.B) {
		rate := send(b, broker, benchServer(b, broker), load{Lines: 1, SOAP: true, Clients: benchClients})
		if plain > 0 {
			b.ReportMetric(rate/plain, "of-json")
		}
	})
}

// BenchmarkOpenSingle posts one part of a conversation a request, at fixed rates.
func BenchmarkOpenSingle(b *testing.B) {
	for _, rate := range []float64{1000, 3000, 5000, 10000} {
		b.Run(fmt.Sprintf("rate=%.0f", rate), func(b *testing.B) {
			compare(b, load{Lines: 1, Clients: openClients, Rate: rate})
		})
	}
}

// BenchmarkOpenNDJSON posts a hundred parts a request, at fixed rates.
func BenchmarkOpenNDJSON(b *testing.B) {
	for _, rate := range []float64{100, 300, 500} {
		b.Run(fmt.Sprintf("rate=%.0f", rate), func(b *testing.B) {
			compare(b, load{Lines: benchLines, Clients: openClients, Rate: rate})
		})
	}
}

// BenchmarkIdleConnections posts one part of a conversation a request while 10,000 connections are open that do nothing, and
// says how much memory one of them takes.
func BenchmarkIdleConnections(b *testing.B) {
	const idle = 10_000
	broker := startBenchBroker(b)
	address := benchServer(b, broker)
	before := memoryInUse()
	startProcess(b, asClients).send(b, load{Address: address, Idle: idle})
	each := float64(memoryInUse()-before) / idle
	send(b, broker, address, load{Lines: 1, Clients: benchClients})
	b.ReportMetric(each, "B/connection")
}

// memoryInUse is what lives on the heap and the stacks.
func memoryInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// compare sends a load to a bare handler and to a server.
func compare(b *testing.B, l load) {
	broker := startBenchBroker(b)
	var raw, bare float64
	if l.Rate == 0 && l.Lines > 1 {
		b.Run("raw", func(b *testing.B) { raw = produceRaw(b, broker, l.Lines) })
	}
	b.Run("bare", func(b *testing.B) { bare = send(b, broker, bareServer(b, broker), l) })
	b.Run("parley", func(b *testing.B) {
		rate := send(b, broker, benchServer(b, broker), l)
		if l.Rate > 0 {
			return
		}
		if bare > 0 {
			b.ReportMetric(rate/bare, "of-bare")
		}
		if raw > 0 {
			b.ReportMetric(rate/raw, "of-raw")
		}
	})
}

// benchBroker is where the calls of a benchmark go: a broker in memory, in a process of its own, or the real cluster that is
// given.
type benchBroker struct {
	addresses []string
	topics    schemas.Topics
	// processorTime is what the brokers have used.
	processorTime func() time.Duration
}

func startBenchBroker(b *testing.B) benchBroker {
	b.Helper()
	if len(testkit.GivenBrokers()) == 0 {
		p := startProcess(b, asBroker)
		return benchBroker{[]string{p.line(b)}, testTopics, func() time.Duration { return testkit.ProcessorTimeOf(b, p.id) }}
	}
	k := testkit.StartMeasured(b)
	client, err := kgo.NewClient(k.Seeds())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	layout := topics.Layout{Partitions: partitions, ResultPartitions: partitions}
	if _, err := topics.Ensure(b.Context(), client, topics.Spec{Topics: k.Topics, Layout: layout, Replication: k.Replicas}); err != nil {
		b.Fatal(err)
	}
	return benchBroker{k.Brokers, k.Topics, k.ProcessorTime}
}

// benchServer starts a server and returns its address.
func benchServer(b *testing.B, broker benchBroker) string {
	s, err := New(Config{
		Client:       startClient(b, broker.addresses...),
		Topics:       broker.topics,
		Partitions:   partitions,
		Secret:       testSecret,
		Routes:       route.NewCurrent(route.Default("http://127.0.0.1:1/")),
		Auth:         OpenAccess{},
		Maintenances: new(fakeControl),
		Callbacks:    new(fakeCallbacks),
		Eraser:       new(fakeEraser),
		Subscribers:  new(fakeSubscribers),
		Tokens:       startSigner(b),
		Live:         unknowing(),
		Record:       unknowing(),
		Extracts:     new(fakeExtracts),
		Log:          slog.New(slog.DiscardHandler),
		Metrics:      prometheus.NewRegistry(),
	})
	if err != nil {
		b.Fatal(err)
	}
	url, _ := serve(b, s)
	return strings.TrimPrefix(url, "http://")
}

// bareServer starts what does the least that an acknowledgment takes, and returns its address.
func bareServer(b *testing.B, broker benchBroker) string {
	client := startClient(b, broker.addresses...)
	e := echo.New()
	e.POST(callsPath, func(c echo.Context) error {
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return err
		}
		var records []*kgo.Record
		for line := range bytes.Lines(body) {
			key := uuid.NewString()
			records = append(records, &kgo.Record{Topic: broker.topics.Calls, Partition: topics.Partition(key, partitions), Key: []byte(key), Value: line})
		}
		if err := client.ProduceSync(c.Request().Context(), records...).FirstErr(); err != nil {
			return err
		}
		return c.NoContent(http.StatusAccepted)
	})
	s := httptest.NewServer(e)
	b.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// send sends b.N requests and returns acknowledged calls a second.
func send(b *testing.B, broker benchBroker, address string, l load) float64 {
	l.Address, l.Requests = address, b.N
	calls := float64(b.N * l.Lines)
	clients := startProcess(b, asClients)
	b.ReportAllocs()
	b.ResetTimer()
	used, brokers := testkit.ProcessorTime(b), broker.processorTime()
	m := clients.send(b, l)
	used, brokers = testkit.ProcessorTime(b)-used, broker.processorTime()-brokers
	b.StopTimer()
	rate := calls / m.Took.Seconds()
	b.ReportMetric(rate, "acks/s")
	b.ReportMetric(float64(used.Microseconds())/calls, "cpu-µs/ack")
	b.ReportMetric(float64(brokers.Microseconds())/calls, "brokers-cpu-µs/ack")
	b.ReportMetric(m.P50.Seconds()*1e3, "p50-ms")
	b.ReportMetric(m.P99.Seconds()*1e3, "p99-ms")
	if l.Rate > 0 {
		b.ReportMetric(m.P999.Seconds()*1e3, "p99.9-ms")
	}
	return rate
}

// produceRaw produces the lines of b.N bodies as fast as franz-go takes them, and returns records a second.
func produceRaw(b *testing.B, broker benchBroker, lines int) float64 {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.addresses...), kgo.DefaultProduceTopic(broker.topics.Calls))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	var failed sync.Once
	b.ResetTimer()
	began, used, brokers := time.Now(), testkit.ProcessorTime(b), broker.processorTime()
	for n := range int64(b.N * lines) {
		client.Produce(context.Background(), kgo.SliceRecord(appendBenchLine(make([]byte, 0, benchLineBytes), n)), func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Do(func() { b.Error(err) })
			}
		})
	}
	if err := client.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	records := float64(b.N * lines)
	rate := records / time.Since(began).Seconds()
	b.StopTimer()
	b.ReportMetric(rate, "acks/s")
	b.ReportMetric(float64((testkit.ProcessorTime(b)-used).Microseconds())/records, "cpu-µs/ack")
	b.ReportMetric(float64((broker.processorTime()-brokers).Microseconds())/records, "brokers-cpu-µs/ack")
	return rate
}
