package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"parley/internal/route"
	"parley/internal/token"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

func TestMain(m *testing.M) {
	if as := os.Getenv(processEnv); as != "" {
		if err := runProcess(as); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

const (
	partitions = 8
	patience   = 10 * time.Second
)

var (
	testTopics = schemas.TopicsOf("parley")
	testSecret = []byte("0123456789abcdef")
)

// harness is a server on a real port, writing to a broker of its own.
type harness struct {
	url       string
	server    *Server
	broker    *kfake.Cluster
	client    *kgo.Client
	metrics   *prometheus.Registry
	live      *fakeSource
	record    *fakeSource
	control   *fakeControl
	callbacks *fakeCallbacks
	eraser    *fakeEraser
	queues    *fakeSubscribers
	logged    *syncBuffer
	stop      func() error // ends Serve; may be called more than once
}

// start starts a server; each change is applied to its configuration.
func start(t testing.TB, changes ...func(*Config)) *harness {
	t.Helper()
	broker := startBroker(t)
	h := &harness{
		broker:    broker,
		client:    startClient(t, broker.ListenAddrs()...),
		metrics:   prometheus.NewRegistry(),
		live:      unknowing(),
		record:    unknowing(),
		control:   new(fakeControl),
		callbacks: new(fakeCallbacks),
		eraser:    new(fakeEraser),
		queues:    new(fakeSubscribers),
		logged:    new(syncBuffer),
	}
	cfg := Config{
		Client:       h.client,
		Topics:       testTopics,
		Partitions:   partitions,
		Secret:       testSecret,
		Routes:       route.NewCurrent(route.Default("http://127.0.0.1:1/")),
		Auth:         OpenAccess{},
		Tokens:       startSigner(t),
		Live:         h.live,
		Record:       h.record,
		Extracts:     new(fakeExtracts),
		Maintenances: h.control,
		Callbacks:    h.callbacks,
		Eraser:       h.eraser,
		Subscribers:  h.queues,
		Log:          slog.New(slog.NewTextHandler(h.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics:      h.metrics,
	}
	cfg.ProduceTimeout = patience // a busy machine is no silent broker
	for _, change := range changes {
		change(&cfg)
	}
	var err error
	if h.server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	h.url, h.stop = serve(t, h.server)
	return h
}

// impatient gives the brokers the time that they have by default, for tests of those that are silent.
func impatient(cfg *Config) { cfg.ProduceTimeout = DefaultRequestLimits().ProduceTimeout }

func startSigner(t testing.TB) *token.Signer {
	t.Helper()
	s, err := token.NewSigner(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func startBroker(t testing.TB) *kfake.Cluster {
	t.Helper()
	broker, err := newBroker()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return broker
}

func newBroker() (*kfake.Cluster, error) {
	return kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.SeedTopics(partitions, testTopics.Calls),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": "4194304"}))
}

func startClient(t testing.TB, brokers ...string) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(ProducerOptions(schemas.DefaultLimits()), kgo.SeedBrokers(brokers...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func serve(t testing.TB, s *Server) (url string, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	stop = func() error {
		cancel()
		select {
		case err := <-served:
			served <- nil
			return err
		case <-time.After(patience):
			t.Error("Serve does not return")
			return nil
		}
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String(), stop
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration
}

func (r reply) decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("decode %q: %v", r.body, err)
	}
}

func (h *harness) post(t testing.TB, body string, header ...string) reply {
	t.Helper()
	return h.do(t, http.MethodPost, callsPath, []byte(body), append([]string{"Content-Type", mimeJSON}, header...)...)
}

func (h *harness) get(t testing.TB, path string, header ...string) reply {
	t.Helper()
	return h.do(t, http.MethodGet, path, nil, header...)
}

// do sends a request and holds the answer against the contract; header holds names and values, of which a later one replaces an earlier.
func (h *harness) do(t testing.TB, method, path string, body []byte, header ...string) reply {
	t.Helper()
	r, err := http.NewRequest(method, h.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	began := time.Now()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	answered := reply{status: resp.StatusCode, header: resp.Header, body: b, took: time.Since(began)}
	openContract(t).check(t, method, path, answered)
	openContract(t).checkRequest(t, method, path, r.Header, body, answered)
	return answered
}

// accepted fails the test unless r is a 202 for one call.
func (r reply) accepted(t testing.TB) Acknowledgment {
	t.Helper()
	if r.status != http.StatusAccepted {
		t.Fatalf("status %d, want 202: %s", r.status, r.body)
	}
	var a Acknowledgment
	r.decode(t, &a)
	return a
}

// problem fails the test unless r is a problem document.
func (r reply) problem(t testing.TB) document {
	t.Helper()
	if got := r.header.Get("Content-Type"); got != mimeProblem {
		t.Fatalf("content type %q of status %d, want %q: %s", got, r.status, mimeProblem, r.body)
	}
	var d document
	r.decode(t, &d)
	if d.Status != r.status || d.Title == "" || d.Detail == "" || d.Type != "/docs#"+string(d.Code) {
		t.Errorf("status %d of the document %s", r.status, r.body)
	}
	return d
}

// log reads what is in parley.calls; it waits for want records and for no more.
func (h *harness) log(t testing.TB, want int) []*kgo.Record {
	t.Helper()
	return readLog(t, want, h.broker.ListenAddrs()...)
}

func readLog(t testing.TB, want int, brokers ...string) []*kgo.Record {
	t.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(testTopics.Calls), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var all []*kgo.Record
	for len(all) < want {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d of %d records: %v", len(all), want, err)
		}
		all = append(all, fetches.Records()...)
	}
	if len(all) > want {
		t.Fatalf("%d records, want %d", len(all), want)
	}
	return all
}

// logEnd is how many records are in parley.calls.
func (h *harness) logEnd(t testing.TB) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ends, err := kadm.NewClient(h.client).ListEndOffsets(ctx, testTopics.Calls)
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}

func mustParse(t testing.TB, id string) schemas.RequestID {
	t.Helper()
	parsed, err := uuid.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func callOf(t testing.TB, r *kgo.Record) *parleyv1.Call {
	t.Helper()
	c := new(parleyv1.Call)
	if err := proto.Unmarshal(r.Value, c); err != nil {
		t.Fatal(err)
	}
	return c
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// contextDone returns a context that has ended.
func contextDone() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx, cancel
}
