package route_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/internal/route"
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
    rateLimit: 0
    retry: {initial: 50ms, max: 2s, maxAttempts: 5}
`).Routes()
	want := route.Route{
		Name:        "crm",
		Match:       route.Match{Account: "acme", Method: "Update", ObjectType: "DataExtensionObject"},
		Executor:    route.Executor{URL: "https://crm.example.com/calls", Timeout: 3 * time.Second},
		Idempotent:  true,
		Concurrency: 16,
		Retry:       route.Retry{Initial: 50 * time.Millisecond, Max: 2 * time.Second, MaxAttempts: 5},
	}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
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
		{"unknown member", "routes:\n- name: a\n  " + executor + "\n  concurency: 3", []string{"line 4", "concurency"}},
		{"unknown member inside", "routes:\n- name: a\n  match: {objecttype: Row}\n  " + executor, []string{"line 3", "objecttype"}},
		{"repeated member", "routes:\n- name: a\n  name: b\n  " + executor, []string{"line 3", "already defined"}},
		{"no name", "routes:\n- " + executor, []string{"line 2: routes[0].name: a name is"}},
		{"bad name", "routes:\n- name: a b\n  " + executor, []string{`line 2: routes[0].name`, `not "a b"`}},
		{"repeated name", "routes:\n- name: a\n  match: {method: Create}\n  " + executor + "\n- name: a\n  " + executor, []string{`line 5: routes[1].name: routes[0] is already named "a"`}},
		{"bad account", "routes:\n- name: a\n  match: {account: a/b}\n  " + executor, []string{`line 3: routes[0].match.account`}},
		{"bad method", "routes:\n- name: a\n  match: {method: create}\n  " + executor, []string{`routes[0].match.method: one of`, `not "create"`}},
		{"empty type", "routes:\n- name: a\n  match: {objectType: ''}\n  " + executor, []string{`routes[0].match.objectType`}},
		{"no executor", "routes:\n- name: a", []string{`line 2: routes[0].executor.type: an executor has a type`}},
		{"other executor", "routes:\n- name: a\n  executor: {type: smtp}", []string{`line 3: routes[0].executor.type`, `"http" only, not "smtp"`}},
		{"no URL", "routes:\n- name: a\n  executor: {type: http}", []string{`routes[0].executor.url: an absolute`}},
		{"relative URL", "routes:\n- name: a\n  executor: {type: http, url: /calls}", []string{`routes[0].executor.url: an absolute`}},
		{"other scheme", "routes:\n- name: a\n  executor: {type: http, url: 'ftp://h/'}", []string{`routes[0].executor.url: an absolute`}},
		{"bad duration", "routes:\n- name: a\n  executor: {type: http, url: 'http://h/', timeout: 10}", []string{"line 3", `not "10"`}},
		{"no time", "routes:\n- name: a\n  executor: {type: http, url: 'http://h/', timeout: 0s}", []string{`routes[0].executor.timeout: more than nothing`}},
		{"concurrency 0", "routes:\n- name: a\n  concurrency: 0\n  " + executor, []string{`line 3: routes[0].concurrency: from 1 to`}},
		{"concurrency too big", "routes:\n- name: a\n  concurrency: 100001\n  " + executor, []string{`routes[0].concurrency: from 1 to 100000`}},
		{"concurrency a word", "routes:\n- name: a\n  concurrency: many\n  " + executor, []string{`line 3`, `many`}},
		{"negative attempts", "routes:\n- name: a\n  retry: {maxAttempts: -1}\n  " + executor, []string{`routes[0].retry.maxAttempts`}},
		{"max below initial", "routes:\n- name: a\n  retry: {initial: 2s, max: 1s}\n  " + executor, []string{`routes[0].retry.max: max (1s) is less than initial (2s)`}},
		{"other delivery", "routes:\n- name: a\n  delivery: at-most-once\n  " + executor, []string{`routes[0].delivery: this version delivers "at-least-once" only`}},
		{"rate limit", "routes:\n- name: a\n  rateLimit: 5\n  " + executor, []string{`line 3: routes[0].rateLimit: this version limits no rate`}},
		{"defer timeout", "routes:\n- name: a\n  deferTimeout: 24h\n  " + executor, []string{`line 3: routes[0].deferTimeout: this version takes no deferred answers`}},
		{"batch", "routes:\n- name: a\n  batch: {max: 10, linger: 5ms}\n  " + executor, []string{`line 3: routes[0].batch: this version sends one call a request`}},
		{"never reached", "routes:\n- name: a\n  match: {method: Create}\n  " + executor + "\n- name: b\n  match: {method: Create, objectType: Row}\n  " + executor,
			[]string{`line 6: routes[1].match: never matches: routes[0] (a) comes first`}},
		{"everything at once", "routes:\n- name: ''\n  concurrency: -1\n  speed: 3\n  retry: {initial: soon}\n- name: b\n  executor: {type: kafka}",
			[]string{"routes[0].name", "routes[0].concurrency", "speed", `not "soon"`, "routes[0].executor.type", "routes[1].executor.type", "routes[1].match"}},
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
