package route_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/route"
	"parley/schemas"
)

func TestParseReadsEveryField(t *testing.T) {
	t.Parallel()
	got := parse(t, `
routes:
  - name: crm
    match: {account: acme, method: Update, objectType: DataExtensionObject}
    executor: {type: http, url: "https://crm.example.com/calls", timeout: 3s}
    delivery: at-least-once
    idempotent: true
    concurrency: 16
    rateLimit: 12.5
    retry: {initial: 50ms, max: 2s, maxAttempts: 5}
    deferTimeout: 72h
    batch: {max: 100, linger: 20ms}
  - name: ledger
    match: {objectType: Posting}
    executor: {type: kafka, topic: postings, replyTopic: postings.done, timeout: 5s}
    delivery: exactly-once
`).Routes()
	want := []route.Route{
		{
			Name:         "crm",
			Match:        route.Match{Account: "acme", Method: "Update", ObjectType: "DataExtensionObject"},
			Executor:     route.Executor{Type: route.HTTP, URL: "https://crm.example.com/calls", Timeout: 3 * time.Second},
			Delivery:     route.AtLeastOnce,
			Idempotent:   true,
			Concurrency:  16,
			RateLimit:    12.5,
			Retry:        route.Retry{Initial: 50 * time.Millisecond, Max: 2 * time.Second, MaxAttempts: 5},
			DeferTimeout: 72 * time.Hour,
			Batch:        route.Batch{Max: 100, Linger: 20 * time.Millisecond},
		},
		{
			Name:         "ledger",
			Match:        route.Match{Account: route.All, Method: route.All, ObjectType: "Posting"},
			Executor:     route.Executor{Type: route.Kafka, Topic: "postings", ReplyTopic: "postings.done", Timeout: 5 * time.Second},
			Delivery:     route.ExactlyOnce,
			Concurrency:  256,
			Retry:        route.Retry{Initial: 200 * time.Millisecond, Max: 30 * time.Second},
			DeferTimeout: 24 * time.Hour,
		},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The routes as the interfaces of Parley print them.
func TestParseReadsTheDocumentedRoute(t *testing.T) {
	t.Parallel()
	got := parse(t, `
routes:
  - name: crm
    match: {account: "*", method: "*", objectType: DataExtensionObject}   # first match wins; "*" or absent matches all
    executor: {type: http, url: "http://127.0.0.1:9090/calls", timeout: 10s}
    delivery: at-least-once        # at-most-once | exactly-once (kafka executor)
    idempotent: false              # true: the backend answers a repeated Idempotency-Key with the first outcome
    concurrency: 256               # per process
    rateLimit: 5000                # calls per second and process, 0 = none
    retry: {initial: 200ms, max: 30s, maxAttempts: 0}   # 0 = until it answers
    deferTimeout: 24h
`).Routes()[0]
	want := route.Default("http://127.0.0.1:9090/calls").Routes()[0]
	want.Name, want.Match.ObjectType, want.RateLimit = "crm", "DataExtensionObject", 5000
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// What the README tells people to write is right.
func TestParseReadsTheReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "```yaml\nroutes:\n")
	text, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatal("the README has no routes")
	}
	if got := parse(t, "routes:\n"+text).Routes(); len(got) != 3 {
		t.Errorf("%d routes, want 3", len(got))
	}
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	const http, kafka, smtp = `{type: http, url: "http://h/"}`, `{type: kafka, topic: t}`, `{type: smtp, url: "smtp://h", from: a@b}`
	tests := []struct {
		executor, delivery string
		want               route.Delivery
	}{
		{http, "", route.AtLeastOnce},
		{http, "delivery: at-least-once", route.AtLeastOnce},
		{http, "delivery: at-most-once", route.AtMostOnce},
		{kafka, "", route.ExactlyOnce},
		{kafka, "delivery: at-least-once", route.ExactlyOnce},
		{kafka, "delivery: exactly-once", route.ExactlyOnce},
		{smtp, "", route.AtMostOnce},
		{smtp, "delivery: at-most-once", route.AtMostOnce},
	}
	for _, tt := range tests {
		got := parse(t, "routes:\n- name: a\n  executor: "+tt.executor+"\n  "+tt.delivery).Routes()[0].Delivery
		if got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.executor, tt.delivery, got, tt.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const executor = `executor: {type: http, url: "http://127.0.0.1:9090/"}`
	tests := []struct {
		name, text string
		want       []string // each is found in the error
	}{
		{"nothing", "", []string{"there is no route"}},
		{"no routes", "routes: []", []string{"there is no route"}},
		{"not YAML", "routes: [", []string{"parse:", "line 1"}},
		{"a list of words", "routes: [a, b]", []string{"line 1"}},
		{"a second document", "routes: [{name: a, " + executor + "}]\n---\nroutes: []", []string{"more after it"}},
		{"unknown member", "routes:\n- name: a\n  " + executor + "\n  concurency: 3", []string{`line 4: there is no member "concurency" here`}},
		{"unknown member inside", "routes:\n- name: a\n  match: {objecttype: Row}\n  " + executor, []string{`line 3: there is no member "objecttype" here`}},
		{"repeated member", "routes:\n- name: a\n  name: b\n  " + executor, []string{"line 3", "already defined"}},
		{"no name", "routes:\n- " + executor, []string{"line 2: routes[0].name: a name is"}},
		{"bad name", "routes:\n- name: a b\n  " + executor, []string{`line 2: routes[0].name`, `not "a b"`}},
		{"repeated name", "routes:\n- name: a\n  match: {method: Create}\n  " + executor + "\n- name: a\n  " + executor, []string{`line 5: routes[1].name: routes[0] is already named "a"`}},
		{"bad account", "routes:\n- name: a\n  match: {account: a/b}\n  " + executor, []string{`line 3: routes[0].match.account`}},
		{"bad method", "routes:\n- name: a\n  match: {method: create}\n  " + executor, []string{`routes[0].match.method: one of`, `not "create"`}},
		{"empty type", "routes:\n- name: a\n  match: {objectType: ''}\n  " + executor, []string{`routes[0].match.objectType`}},
		{"no executor", "routes:\n- name: a", []string{`line 2: routes[0].executor.type: an executor has a type`}},
		{"other executor", "routes:\n- name: a\n  executor: {type: ftp}", []string{`line 3: routes[0].executor.type`, `not "ftp"`}},
		{"mail from nobody to nowhere", "routes:\n- name: a\n  executor: {type: smtp}", []string{`routes[0].executor.url: an smtp executor has the URL`, `routes[0].executor.from: an smtp executor has a sender`}},
		{"no mail server", "routes:\n- name: a\n  executor: {type: smtp, url: 'http://h/', from: a@b}", []string{`line 3: routes[0].executor.url: is not the URL of a mail server: its scheme`}},
		{"no addresses", "routes:\n- name: a\n  executor: {type: smtp, url: 'smtp://h', from: a, replyTo: b}", []string{`routes[0].executor.from: "a" is not`, `routes[0].executor.replyTo: "b" is not`}},
		{"mail twice", "routes:\n- name: a\n  delivery: at-least-once\n  executor: {type: smtp, url: 'smtp://h', from: a@b}", []string{`line 3: routes[0].delivery: an smtp executor is always at-most-once`}},
		{"batch by mail", "routes:\n- name: a\n  batch: {max: 2}\n  executor: {type: smtp, url: 'smtp://h', from: a@b}", []string{`line 3: routes[0].batch`}},
		{"what is for mail alone", "routes:\n- name: a\n  executor: {type: http, url: 'http://h', from: a@b, replyTo: a@b, awaitReply: true}",
			[]string{`routes[0].executor.from: means nothing`, `routes[0].executor.replyTo: means nothing`, `routes[0].executor.awaitReply: means nothing`}},
		{"no URL", "routes:\n- name: a\n  executor: {type: http}", []string{`routes[0].executor.url: an http executor has an absolute`}},
		{"relative URL", "routes:\n- name: a\n  executor: {type: http, url: /calls}", []string{`routes[0].executor.url: an absolute`}},
		{"other scheme", "routes:\n- name: a\n  executor: {type: http, url: 'ftp://h/'}", []string{`routes[0].executor.url: an absolute`}},
		{"bad duration", "routes:\n- name: a\n  executor: {type: http, url: 'http://h/', timeout: 10}", []string{"line 3", `not "10"`}},
		{"no time", "routes:\n- name: a\n  executor: {type: http, url: 'http://h/', timeout: 0s}", []string{`routes[0].executor.timeout: more than nothing`}},
		{"concurrency 0", "routes:\n- name: a\n  concurrency: 0\n  " + executor, []string{`line 3: routes[0].concurrency: from 1 to`}},
		{"concurrency too big", "routes:\n- name: a\n  concurrency: 100001\n  " + executor, []string{`routes[0].concurrency: from 1 to 100000`}},
		{"concurrency a word", "routes:\n- name: a\n  concurrency: many\n  " + executor, []string{`line 3`, `many`}},
		{"negative attempts", "routes:\n- name: a\n  retry: {maxAttempts: -1}\n  " + executor, []string{`routes[0].retry.maxAttempts`}},
		{"max below initial", "routes:\n- name: a\n  retry: {initial: 2s, max: 1s}\n  " + executor, []string{`routes[0].retry.max: max (1s) is less than initial (2s)`}},
		{"attempts without end", "routes:\n- name: a\n  retry: {maxAttempts: 1000001}\n  " + executor, []string{`routes[0].retry.maxAttempts: from 1 to 1000000`}},
		{"timeout too long", "routes:\n- name: a\n  executor: {type: http, url: 'http://h/', timeout: 61m}", []string{`routes[0].executor.timeout: more than nothing and at most 1h0m0s, not 1h1m0s`}},
		{"retry too rare", "routes:\n- name: a\n  retry: {max: 25h}\n  " + executor, []string{`routes[0].retry.max: more than nothing and at most 24h0m0s`}},
		{"other delivery", "routes:\n- name: a\n  delivery: twice\n  " + executor, []string{`line 3: routes[0].delivery: one of`, `not "twice"`}},
		{"exactly-once over http", "routes:\n- name: a\n  delivery: exactly-once\n  " + executor, []string{`line 3: routes[0].delivery: nobody can promise exactly-once over http; use`}},
		{"at-most-once by kafka", "routes:\n- name: a\n  delivery: at-most-once\n  executor: {type: kafka, topic: t}", []string{`line 3: routes[0].delivery: a kafka executor is always exactly-once`}},
		{"idempotent and at-most-once", "routes:\n- name: a\n  idempotent: true\n  delivery: at-most-once\n  " + executor, []string{`line 3: routes[0].idempotent: `, "at-most-once repeats none"}},
		{"idempotent by kafka", "routes:\n- name: a\n  idempotent: true\n  executor: {type: kafka, topic: t}", []string{`line 3: routes[0].idempotent: `, "exactly-once repeats none"}},
		{"a rate below none", "routes:\n- name: a\n  rateLimit: -1\n  " + executor, []string{`line 3: routes[0].rateLimit: calls per second from 0.001 to 1000000, or 0 for no limit, not -1`}},
		{"a rate that is no number", "routes:\n- name: a\n  rateLimit: .nan\n  " + executor, []string{`line 3: routes[0].rateLimit: `, "NaN"}},
		{"a rate without end", "routes:\n- name: a\n  rateLimit: .inf\n  " + executor, []string{`line 3: routes[0].rateLimit: `, "+Inf"}},
		{"no defer timeout", "routes:\n- name: a\n  deferTimeout: 0s\n  " + executor, []string{`line 3: routes[0].deferTimeout: more than nothing and at most 8784h0m0s`}},
		{"batch too big", "routes:\n- name: a\n  batch: {max: 1001}\n  " + executor, []string{`line 3: routes[0].batch.max: from 1`, "to 1000, not 1001"}},
		{"linger too long", "routes:\n- name: a\n  batch: {max: 2, linger: 2m}\n  " + executor, []string{`line 3: routes[0].batch.linger: more than nothing and at most 1m0s`}},
		{"linger alone", "routes:\n- name: a\n  batch: {linger: 5ms}\n  " + executor, []string{`line 3: routes[0].batch.linger: waits for nothing`}},
		{"batch and at-most-once", "routes:\n- name: a\n  delivery: at-most-once\n  batch: {max: 2}\n  " + executor, []string{`line 4: routes[0].batch: one lost answer`}},
		{"batch by kafka", "routes:\n- name: a\n  batch: {max: 2}\n  executor: {type: kafka, topic: t}", []string{`line 3: routes[0].batch: a kafka executor writes`}},
		{"no topic", "routes:\n- name: a\n  executor: {type: kafka}", []string{`line 3: routes[0].executor.topic: a kafka executor has`}},
		{"bad topic", "routes:\n- name: a\n  executor: {type: kafka, topic: a/b}", []string{`line 3: routes[0].executor.topic: `, `not "a/b"`}},
		{"bad reply topic", "routes:\n- name: a\n  executor: {type: kafka, topic: a, replyTopic: ..}", []string{`line 3: routes[0].executor.replyTopic: `, `not ".."`}},
		{"one topic for both", "routes:\n- name: a\n  executor: {type: kafka, topic: a, replyTopic: a}", []string{`routes[0].executor.replyTopic: answers would be among the requests`}},
		{"a URL for kafka", "routes:\n- name: a\n  executor: {type: kafka, topic: a, url: 'http://h/'}", []string{`routes[0].executor.url: means nothing to an executor of type "kafka"`}},
		{"topics for http", "routes:\n- name: a\n  executor: {type: http, url: 'http://h/', topic: a, replyTopic: b}",
			[]string{`routes[0].executor.topic: means nothing to an executor of type "http"`, `routes[0].executor.replyTopic: means nothing`}},
		{"never reached", "routes:\n- name: a\n  match: {method: Create}\n  " + executor + "\n- name: b\n  match: {method: Create, objectType: Row}\n  " + executor,
			[]string{`line 6: routes[1].match: never matches: routes[0] (a) comes first`}},
		{"everything at once", "routes:\n- name: ''\n  concurrency: -1\n  speed: 3\n  retry: {initial: soon}\n- name: b\n  executor: {type: kafka}",
			[]string{"routes[0].name", "routes[0].concurrency", "speed", `not "soon"`, "routes[0].executor.type", "routes[1].executor.topic", "routes[1].match"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table, err := route.Parse([]byte(tt.text))
			if err == nil {
				t.Fatalf("accepted: %+v", table.Routes())
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error does not say %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	write(t, good, table)
	write(t, bad, "routes: [{}]")
	if got, err := route.Load(good); err != nil || len(got.Routes()) != 3 {
		t.Errorf("Load(good): %v", err)
	}
	if _, err := route.Load(bad); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("Load(bad): %v, want an error that names the file", err)
	} else if _, ok := errors.AsType[*route.Error](err); !ok {
		t.Errorf("Load(bad): %T, want a *route.Error within", err)
	}
	if _, err := route.Load(filepath.Join(dir, "absent.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load(absent): %v, want ErrNotExist", err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What cannot be read is said once, in words of the file.
func TestParseSaysOnceWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, err := route.Parse([]byte(`
routes:
- name: a
  concurrency: many
  retry: {initial: soon, maxAttempts: x}
  rateLimit: fast
  idempotent: perhaps
  delivery: [a]
  batch: {max: 2, linger: later}
  match: everything
  executor: {type: http, url: "http://h/", timeout: 10}
`))
	want := `line 4: a whole number belongs here, not "many"
line 5: a duration is written as 200ms, 10s or 1h30m, not "soon"
line 5: a whole number belongs here, not "x"
line 6: a number belongs here, not "fast"
line 7: true or false belongs here, not "perhaps"
line 8: a text belongs here
line 9: a duration is written as 200ms, 10s or 1h30m, not "later"
line 10: a mapping belongs here, not "everything"
line 11: a duration is written as 200ms, 10s or 1h30m, not "10"`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestApart(t *testing.T) {
	t.Parallel()
	routes := parse(t, `
routes:
- {name: a, match: {objectType: A}, executor: {type: kafka, topic: orders, replyTopic: orders.done}}
- {name: b, match: {objectType: B}, executor: {type: kafka, topic: parley.calls}}
- {name: c, match: {objectType: C}, executor: {type: kafka, topic: orders, replyTopic: parley.state}}
- {name: d, match: {objectType: D}, executor: {type: kafka, topic: orders, replyTopic: parley.calls}}
- {name: e, match: {objectType: E}, executor: {type: http, url: "http://h/"}}
- {name: f, match: {objectType: F}, executor: {type: kafka, topic: parley.in.acme}}
`)
	e, ok := errors.AsType[*route.Error](routes.Apart(schemas.TopicsOf("parley")))
	if !ok || len(e.Problems) != 4 || !strings.Contains(e.Problems[0], `"parley.calls"`) || !strings.Contains(e.Problems[1], `"parley.state"`) || !strings.Contains(e.Problems[2], `"parley.calls"`) || !strings.Contains(e.Problems[3], `"parley.in.acme"`) {
		t.Errorf("Apart: %v, want a problem for each of b, c, d and f", e)
	}
	if err := routes.Apart(schemas.TopicsOf("other")); err != nil {
		t.Errorf("topics of another Parley: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(table)
	f.Add("routes: [{name: a, batch: {}, executor: {type: http}}]")
	f.Add("routes: &a [*a]")
	f.Add("? {}\n: - [a]")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := route.Parse([]byte(text))
		if (table == nil) == (err == nil) {
			t.Fatalf("Parse(%q) = %v, %v", text, table, err)
		}
	})
}
