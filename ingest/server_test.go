package ingest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"parley/internal/account"
	"parley/internal/route"
	"parley/schemas"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// What clients are answered when something is wrong, word for word: testdata/problems.
func TestProblemsGolden(t *testing.T) {
	t.Parallel()
	table, err := route.Parse([]byte(`
routes:
  - {name: rows, match: {objectType: Row}, executor: {type: http, url: "http://127.0.0.1:1/"}}
  - {name: mails, match: {objectType: Mail}, executor: {type: http, url: "http://127.0.0.1:1/"}}`))
	if err != nil {
		t.Fatal(err)
	}
	h := start(t, func(c *Config) { c.Routes = route.NewCurrent(table) })
	call := func(objects, options string) string {
		return fmt.Sprintf(`{"method": "Create", "objects": [%s], "options": {%s}}`, objects, options)
	}
	const row = `{"type": "Row"}`
	posts := map[string]string{
		"empty-body":             ``,
		"number-as-method":       `{"method": 5}`,
		"misspelt-member":        call(row, `"conversationID": "order-1234"`),
		"trailing-garbage":       call(row, ``) + ` x`,
		"duplicate-member":       `{"method": "Create", "method": "Update"}`,
		"invalid-utf8":           "{\"method\": \"\xff\"}",
		"null":                   `null`,
		"empty-array":            `[]`,
		"broken-array":           `[` + call(row, ``) + `, {"method" "Create"}]`,
		"unknown-method":         `{"method": "Upsert", "objects": [{"type": "Row"}]}`,
		"no-objects":             call(``, ``),
		"no-object-type":         call(row+`, {"customerKey": "row-2"}`, ``),
		"sequence-code-0":        call(row, `"conversationId": "c", "sequenceCode": 0, "callsInConversation": 3`),
		"sequence-code-huge":     call(row, `"conversationId": "c", "sequenceCode": 99999999999, "callsInConversation": 3`),
		"no-conversation-id":     call(row, `"sequenceCode": 1, "callsInConversation": 3`),
		"route-not-found":        call(`{"type": "Import"}`, ``),
		"mixed-routes":           call(row+`, {"type": "Mail"}`, ``),
		"account-in-body":        `{"account": "acme", "method": "Create", "objects": [{"type": "Row"}]}`,
		"request-id-in-body":     `{"requestId": "` + someID + `", "method": "Create", "objects": [{"type": "Row"}]}`,
		"synchronous-in-order":   call(row, `"requestType": "Synchronous", "conversationId": "c"`),
		"scheduled-too-far":      call(row, `"scheduledTime": "9999-12-01T08:00:00Z"`),
		"start-by":               call(row, `"scheduledTime": "2026-12-01T09:00:00Z", "startBy": "2026-12-01T08:00:00Z"`),
		"response":               call(row, `"sendResponseTo": [{"responseType": "email", "responseAddress": "user@example.com"}]`),
		"response-by-ftp":        call(row, `"sendResponseTo": [{"responseType": "FTP"}]`),
		"scheduled-time-no-time": call(row, `"scheduledTime": "tomorrow"`),
	}
	answers := map[string]reply{
		"bad-account":        h.post(t, call(row, ``), "Parley-Account", "a/b"),
		"bad-key":            h.post(t, call(row, ``), "Idempotency-Key", `"`),
		"xml":                h.post(t, call(row, ``), "Content-Type", "text/xml"),
		"bad-media-type":     h.post(t, call(row, ``), "Content-Type", ";"),
		"unknown-encoding":   h.post(t, call(row, ``), "Content-Encoding", "br"),
		"other-origin":       h.post(t, call(row, ``), "Sec-Fetch-Site", "cross-site"),
		"no-such-path":       h.get(t, "/v2/calls"),
		"no-such-method":     h.do(t, http.MethodDelete, callsPath, nil),
		"no-request-id":      h.get(t, requestsPath+"order-1234"),
		"unknown-request":    h.get(t, requestsPath+someID),
		"unknown":            h.get(t, conversationsPath+"order-1234"),
		"bad-wait":           h.get(t, requestsPath+someID+"?wait=soon"),
		"bad-receipt":        h.get(t, requestsPath+someID+"?receipt=AQ"),
		"bad-after":          h.get(t, conversationsPath+"c?after=x"),
		"accepted-but-where": h.get(t, requestsPath+someID+"?receipt="+receiptFor(t, "default")),
	}
	for name, body := range posts {
		answers[name] = h.post(t, body)
	}
	for name, r := range answers {
		r.problem(t)
		body := jsontext.Value(r.body)
		if err := body.Indent(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		golden(t, name, fmt.Sprintf("%d\n%s\n", r.status, body))
	}
	if n := h.logEnd(t); n != 0 {
		t.Errorf("%d records were queued", n)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "problems", name+".txt")
	if *rewrite {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run the test with -rewrite", err)
	}
	if got != string(want) {
		t.Errorf("%s is answered with\n%swant\n%s", name, got, want)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	down := errors.New("dial tcp: connection\nrefused")
	tests := []struct {
		name         string
		dependencies []Dependency
		status       int
		want         string
	}{
		{"nothing", nil, 200, ""},
		{"all well", []Dependency{{Name: "kafka"}, {Name: "clickhouse", Optional: true}}, 200, "kafka: ok\nclickhouse: ok\n"},
		{"the record is away", []Dependency{{Name: "kafka"}, {Name: "clickhouse", Err: down, Optional: true}}, 200,
			"kafka: ok\nclickhouse: dial tcp: connection refused (calls are accepted without it)\n"},
		{"the queue is away", []Dependency{{Name: "kafka", Err: down}, {Name: "clickhouse", Optional: true}}, 503, "kafka: dial tcp: connection refused\nclickhouse: ok\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := start(t, func(c *Config) {
				c.Ready = func(ctx context.Context) []Dependency {
					if _, ok := ctx.Deadline(); !ok {
						t.Error("asked without a deadline")
					}
					return tt.dependencies
				}
			})
			if r := h.get(t, "/readyz"); r.status != tt.status || string(r.body) != tt.want {
				t.Errorf("%d %q, want %d %q", r.status, r.body, tt.status, tt.want)
			}
			if r := h.get(t, "/healthz"); r.status != 200 {
				t.Errorf("/healthz: %d", r.status)
			}
		})
	}
}

func TestPagesAndMetrics(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.post(t, `[`+simpleCall+`,{"method":"x"},`+simpleCall+`]`)
	h.post(t, `{"method":"x"}`)
	h.do(t, "BREW", callsPath, nil)
	h.get(t, "/nowhere")
	if r := h.get(t, "/docs"); r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || !strings.Contains(string(r.body), "Keep calls in order") {
		t.Errorf("/docs: %d %v", r.status, r.header)
	}
	if r := h.get(t, "/openapi.yaml"); r.status != 200 || string(r.body) != schemas.OpenAPI() {
		t.Errorf("/openapi.yaml: %d", r.status)
	}
	r := h.get(t, "/metrics")
	for _, want := range []string{
		`parley_ingest_calls_total{code="Accepted"} 2`,
		`parley_ingest_calls_total{code="UnknownMethod"} 2`,
		`parley_ingest_request_seconds_count{method="POST",route="/v1/calls",status="202"} 1`,
		`parley_ingest_request_seconds_count{method="POST",route="/v1/calls",status="400"} 1`,
		`parley_ingest_request_seconds_count{method="other",route="/v1/calls",status="405"} 1`,
		`parley_ingest_request_seconds_count{method="GET",route="",status="404"} 1`,
		`parley_ingest_in_flight_bytes 0`,
	} {
		if !strings.Contains(string(r.body), want) {
			t.Errorf("/metrics does not say %s", want)
		}
	}
	families, err := h.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}

// A fault of ours is in the log, and not in the answer.
func TestInternalShowsNothing(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.Auth = panics{} })
	d := h.post(t, simpleCall).problem(t)
	if d.Code != schemas.Internal || d.Status != 500 || strings.Contains(d.Detail, "secret") {
		t.Errorf("%+v", d)
	}
	if log := h.logged.String(); !strings.Contains(log, "secret of the house") || !strings.Contains(log, "panics.Caller") {
		t.Errorf("the log does not say what and where: %s", log)
	}
}

type panics struct{ OpenAccess }

func (panics) Caller(*http.Request) (account.Caller, *schemas.Problem) { panic("secret of the house") }

func TestConfigReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Partitions: 1 << 20, Secret: []byte("short"), ShutdownTimeout: -1, RequestLimits: RequestLimits{RequestCallsMax: -1, ProduceTimeout: -1}})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"no client", "no topic", "partitions: from 1 to 16384, not 1048576", "secret: at least 16 bytes, this has 5", "no routes",
		"no authenticator", "no tokens", "no live source", "no maintenances", "no log", "no metrics", "the shutdown timeout is negative", "PARLEY_REQUEST_CALLS_MAX is -1; it is at least 1", "PARLEY_PRODUCE_TIMEOUT is -1ns; it is positive",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not say %q:\n%v", want, err)
		}
	}
}

func TestMetricsAreRegisteredOnce(t *testing.T) {
	t.Parallel()
	h := start(t)
	_, err := New(Config{
		Client: h.client, Topics: testTopics, Partitions: 1, Secret: testSecret, Routes: route.NewCurrent(route.Default("http://h/")), Auth: OpenAccess{},
		Tokens: startSigner(t), Live: h.live, Record: h.record, Extracts: new(fakeExtracts), Eraser: h.eraser, Subscribers: h.queues, Maintenances: h.control, Callbacks: h.callbacks, Log: slog.New(slog.DiscardHandler), Metrics: h.metrics,
	})
	if _, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); !ok {
		t.Errorf("second server on one registry: %v", err)
	}
}

// What is open when the server is told to stop is finished; what does not finish is cut off.
func TestServeStops(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.ShutdownTimeout = 50 * time.Millisecond })
	h.post(t, simpleCall).accepted(t)
	body, w := io.Pipe()
	failed := make(chan error, 1)
	go func() {
		resp, err := http.Post(h.url+callsPath, mimeJSON, body)
		if err == nil {
			err = resp.Body.Close()
		}
		failed <- err
	}()
	if _, err := w.Write([]byte("{")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request is open", func() bool { return h.server.budget.used.Load() > 0 })
	if err := h.stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	<-failed
	if !strings.Contains(h.logged.String(), "requests cut off") {
		t.Error("what was cut off is not logged")
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://")); err == nil {
		t.Error("the listener is still open")
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	t.Parallel()
	h := start(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.server.Serve(context.Background(), ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v, want that the listener is closed", err)
	}
}
