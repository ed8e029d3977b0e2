package ingest

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"parley/internal/control"
	"parley/internal/route"
	"parley/schemas"
)

const testRoutes = `
routes:
- name: crm
  match: {account: acme, method: Create, objectType: Row}
  executor: {type: http, url: "https://user:hidden@crm.example.com/calls?key=hidden&v=2", timeout: 3s}
  delivery: at-most-once
  rateLimit: 2.5
  concurrency: 7
  retry: {initial: 50ms, max: 2s, maxAttempts: 5}
- name: bulk
  match: {objectType: Bulk}
  executor: {type: http, url: "http://127.0.0.1:1/"}
  idempotent: true
  batch: {max: 100}
- name: ledger
  executor: {type: kafka, topic: postings, replyTopic: postings.done}
  match: {objectType: Posting}
  deferTimeout: 90m
- name: mail
  executor: {type: smtp, url: "smtp://user:hidden@mail.example.com", from: a@example.com, replyTo: b@example.com, awaitReply: true}
`

func startWithRoutes(t testing.TB, changes ...func(*Config)) *harness {
	t.Helper()
	table, err := route.Parse([]byte(testRoutes))
	if err != nil {
		t.Fatal(err)
	}
	return start(t, append(changes, func(c *Config) { c.Routes = route.NewCurrent(table) })...)
}

func (h *harness) routes(t testing.TB) []schemas.RouteResource {
	t.Helper()
	r := h.get(t, routesPath)
	if r.status != http.StatusOK {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	var all schemas.RoutesResource
	r.decode(t, &all)
	return all.Routes
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	everything := schemas.RouteMatch{Account: "*", Method: "*", ObjectType: "*"}
	retry := schemas.RouteRetry{Initial: "200ms", Max: "30s"}
	want := []schemas.RouteResource{
		{
			Name:     "crm",
			Match:    schemas.RouteMatch{Account: "acme", Method: "Create", ObjectType: "Row"},
			Executor: schemas.RouteExecutor{Type: "http", URL: "https://user:xxxxx@crm.example.com/calls?key=xxxxx&v=xxxxx", Timeout: "3s"},
			Delivery: "at-most-once", Concurrency: 7, RateLimit: 2.5,
			Retry: schemas.RouteRetry{Initial: "50ms", Max: "2s", MaxAttempts: 5}, DeferTimeout: "24h0m0s",
		},
		{
			Name:     "bulk",
			Match:    schemas.RouteMatch{Account: "*", Method: "*", ObjectType: "Bulk"},
			Executor: schemas.RouteExecutor{Type: "http", URL: "http://127.0.0.1:1/", Timeout: "10s"},
			Delivery: "at-least-once", Idempotent: true, Concurrency: 256, Retry: retry, DeferTimeout: "24h0m0s",
		},
		{
			Name: "ledger", Match: schemas.RouteMatch{Account: "*", Method: "*", ObjectType: "Posting"},
			Executor: schemas.RouteExecutor{Type: "kafka", Topic: "postings", ReplyTopic: "postings.done"},
			Delivery: "exactly-once", Concurrency: 256, Retry: retry, DeferTimeout: "1h30m0s",
		},
		{
			Name: "mail", Match: everything,
			Executor: schemas.RouteExecutor{
				Type: "smtp", URL: "smtp://user:xxxxx@mail.example.com", Timeout: "10s", From: "a@example.com", ReplyTo: "b@example.com", AwaitReply: true,
			},
			Delivery: "at-most-once", Concurrency: 256, Retry: retry, DeferTimeout: "24h0m0s",
		},
	}
	got := startWithRoutes(t).routes(t)
	for i := range got {
		if (got[i].Batch != nil) != (got[i].Name == "bulk") {
			t.Errorf("batch of %s: %+v", got[i].Name, got[i].Batch)
		}
		if b := got[i].Batch; b != nil && *b != (schemas.RouteBatch{Max: 100, Linger: "5ms"}) {
			t.Errorf("batch: %+v", *b)
		}
		got[i].Batch = nil
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestRoutesAreThoseInForce(t *testing.T) {
	t.Parallel()
	current := route.NewCurrent(route.Default("http://127.0.0.1:1/"))
	h := start(t, func(c *Config) { c.Routes = current })
	if got := h.routes(t); len(got) != 1 || got[0].Name != "default" {
		t.Errorf("routes %+v, want default alone", got)
	}
	table, err := route.Parse([]byte(testRoutes))
	if err != nil {
		t.Fatal(err)
	}
	current.Replace(table)
	if got := h.routes(t); len(got) != 4 {
		t.Errorf("routes %+v, want four", got)
	}
}

// fakeWatch knows of one route.
type fakeWatch struct{ name string }

func (f fakeWatch) RouteLoad(name string) (schemas.RouteLoad, bool) {
	return schemas.RouteLoad{Circuit: schemas.CircuitOpen, Waiting: 12, Executing: 3}, name == f.name
}

func TestRoutesShowWhatIsKnownOfThem(t *testing.T) {
	t.Parallel()
	h := startWithRoutes(t, func(c *Config) { c.RouteWatch = fakeWatch{"bulk"} })
	since := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	until := time.Now().Add(time.Hour).UTC()
	if err := h.control.put(control.Maintenance{Route: "crm", Reason: "moves", By: "ops", Since: since, Until: until}); err != nil {
		t.Fatal(err)
	}
	for _, r := range h.routes(t) {
		if (r.Load != nil) != (r.Name == "bulk") || (r.Maintenance != nil) != (r.Name == "crm") {
			t.Errorf("route %s: load %+v, maintenance %+v", r.Name, r.Load, r.Maintenance)
		}
		if r.Load != nil && *r.Load != (schemas.RouteLoad{Circuit: schemas.CircuitOpen, Waiting: 12, Executing: 3}) {
			t.Errorf("load %+v", *r.Load)
		}
		if m := r.Maintenance; m != nil && (m.Route != "crm" || m.Reason != "moves" || m.By != "ops" || !m.Since.Equal(since) || !m.Until.Equal(until)) {
			t.Errorf("maintenance %+v", *m)
		}
	}
}
