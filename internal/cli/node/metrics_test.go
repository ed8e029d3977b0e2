package node

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/results/recordtest"
	"parley/schemas"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the list of metrics")

// metricsDoc lists all metrics of ours. It says what their help says.
var metricsDoc = filepath.Join("..", "..", "..", "docs", "metrics.md")

const metricsHead = `# Metrics

What ` + "`/metrics`" + ` of a node with all roles shows; one with some of them shows theirs. Times are in seconds, sizes in bytes.
Histograms of Parley's own are native ones, too, for a server that asks for them. Beside these there are the usual ` + "`go_*`" + `,
` + "`process_*`" + ` and ` + "`go_build_info`" + `, and those of the Kafka clients (franz-go's kprom): ` + "`parley_ingest_kafka_*`" + `, ` + "`parley_processor_kafka_*`" + `,
` + "`parley_sink_kafka_*`" + `, ` + "`parley_subscribers_kafka_*`" + `. No label names a conversation or a call, and an account only as the owner of
the topic that its calls come by.

What to watch first: ` + "`parley_audit_problems`" + `, which is 0 as long as everything is accounted for, ` + "`parley_ingest_calls_total`" + ` by code, ` + "`parley_ingest_request_seconds`" + `, ` + "`parley_partition_lag_seconds`" + `,
` + "`parley_route_oldest_waiting_seconds`" + `, ` + "`parley_route_circuit_open`" + `, ` + "`parley_sink_lag_seconds`" + `; what should not rise:
` + "`parley_processor_dead_total`" + `, ` + "`parley_sink_dead_total`" + `, ` + "`parley_processor_restarts_total`" + `.

This page is held against a running node by a test, which also rewrites it (` + "`go test ./internal/cli/node -run MetricsPage -rewrite`" + `).

| metric | kind | labels | meaning |
|---|---|---|---|
`

// What a full node shows is well named, and listed in the documentation with a sentence each.
func TestMetricsPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.routes = filepath.Join(t.TempDir(), "routes.yaml")
	backend := newTraced(t)
	if err := os.WriteFile(s.routes, fmt.Appendf(nil, `routes:
  - {name: rows, match: {objectType: Row}, executor: {type: http, url: %q}}
  - {name: postings, executor: {type: kafka, topic: postings, replyTopic: postings-done}}`, backend.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	files := s.certify()
	s.inbox("acme", `{"method": "Create", "objects": [{"type": "Row"}]}`)
	n := s.start("a", Roles{Ingest: true, Processor: true, Results: true}, func(c *Config) {
		c.Spans, c.ClickHouseDSN = new(collector), recordtest.DSN(t)
		c.TLSCert, c.TLSKey, c.TLSCA = files.Cert, files.Key, files.Authority
		c.MailIn = MailInConfig{Addr: "127.0.0.1:0", To: "example.com"}
	})
	n.owns(8)
	if s := n.once(http.MethodPost, "/v1/subscribers", `{"name":"reader","transactionTypes":["call.completed"]}`); s.code != http.StatusCreated {
		t.Fatalf("subscribed: %d %s", s.code, s.body)
	}
	n.want("ended", n.get(n.send("order", "Row", 1, 1)+"&wait=20s"), 200, "OK")
	var families map[string]*dto.MetricFamily
	n.eventually("all clients have worked", func() bool {
		families = n.metrics()
		for _, name := range []string{
			"parley_sink_lag_seconds", "parley_audit_problems", "parley_audit_lag_seconds", "parley_route_attempt_seconds", "parley_ingest_kafka_produce_records_total",
			"parley_processor_kafka_fetch_records_total", "parley_sink_kafka_fetch_records_total", "parley_inbox_records_total", "parley_inbox_lag_records",
			"parley_subscriber_queue_depth", "go_build_info", "go_goroutines", "process_open_fds",
		} {
			if families[name] == nil {
				return false
			}
		}
		return true
	})
	var all []*dto.MetricFamily
	doc := metricsHead
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if !strings.HasPrefix(name, "parley_") || strings.Contains(name, "_kafka_") { // those are named by kprom
			continue
		}
		f := families[name]
		all = append(all, f)
		doc += fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), labelsOf(f), f.GetHelp())
	}
	problems, err := promlint.NewWithMetricFamilies(all).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
	if *rewrite {
		if err := os.WriteFile(metricsDoc, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(metricsDoc)
	if err != nil {
		t.Fatalf("%v; run the test with -rewrite", err)
	}
	listed, shown := strings.Split(string(want), "\n"), strings.Split(doc, "\n")
	for _, line := range shown {
		if !slices.Contains(listed, line) {
			t.Errorf("not in the documentation: %s", line)
		}
	}
	for _, line := range listed {
		if !slices.Contains(shown, line) {
			t.Errorf("in the documentation, but not so on the page: %s", line)
		}
	}
}

// inbox makes the topic of an account and writes a call to it.
func (s *site) inbox(account, call string) {
	s.t.Helper()
	topic := schemas.TopicsOf(s.broker.Prefix).Inbox(account)
	s.broker.Create(1, nil, topic)
	if err := s.broker.Client().ProduceSync(s.t.Context(), &kgo.Record{Topic: topic, Value: []byte(call)}).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

// metrics are what the node shows, by name.
func (n *running) metrics() map[string]*dto.MetricFamily {
	n.t.Helper()
	page := n.once(http.MethodGet, "/metrics", "")
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page.body))
	if err != nil {
		n.t.Fatal(err)
	}
	return families
}

// labelsOf are the names of a metric's labels.
func labelsOf(f *dto.MetricFamily) string {
	names := make(map[string]bool)
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			names[l.GetName()] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}
