package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/route"
	"parley/internal/topics"
	"parley/results/recordtest"
	"parley/schemas"
)

// recording is a backend that keeps what it is sent. It refuses calls about a Bad.
type recording struct {
	url string

	mu     sync.Mutex
	bodies []string
}

func newRecording(t *testing.T) *recording {
	t.Helper()
	b := new(recording)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || bytes.Contains(body, []byte(`"Bad"`)) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.bodies = append(b.bodies, string(body))
	}))
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

func (b *recording) sent() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.bodies)
}

// words of ann's data.
var wordsOfAnn = []string{"ann@example.com", "row-of-ann", "555-0100"}

// speaks returns the first word of ann's data in a text; empty: there is none.
func speaks(text string) string {
	i := slices.IndexFunc(wordsOfAnn, func(word string) bool { return strings.Contains(text, word) })
	if i < 0 {
		return ""
	}
	return wordsOfAnn[i]
}

// sendBoth sends a part with an object of ann and one of bob.
func (n *running) sendBoth(conversation string, part, of int) {
	n.t.Helper()
	call := fmt.Sprintf(`{"method":"Create","objects":[
		{"type":"Row","correlationId":"one","customerKey":"row-of-ann","subscriberKey":"ann@example.com","properties":{"Phone":"555-0100"}},
		{"type":"Row","correlationId":"two","customerKey":"row-of-bob","subscriberKey":"bob@example.com","properties":{"Phone":"555-0199"}}],
		"options":{"conversationId":%q,"sequenceCode":%d,"callsInConversation":%d}}`, conversation, part, of)
	if got := n.do(http.MethodPost, "/v1/calls", call); got.code != http.StatusAccepted {
		n.t.Fatalf("call: %d %s", got.code, got.body)
	}
}

// erase has ann's data be erased, as an operator.
func (n *running) erase(dryRun bool) schemas.ErasureResource {
	n.t.Helper()
	var r schemas.ErasureResource
	erase := func() said {
		return n.do(http.MethodPost, "/v1/erasures", fmt.Sprintf(`{"subscriberKey":"ann@example.com","dryRun":%t}`, dryRun))
	}
	a := erase()
	for deadline := time.Now().Add(patience); dryRun && a.code == http.StatusServiceUnavailable && time.Now().Before(deadline); {
		a = erase() // the record has not come so far yet
	}
	if err := json.Unmarshal([]byte(a.body), &r); err != nil || a.code != http.StatusOK {
		n.t.Fatalf("erasure: %d %s, %v", a.code, a.body, err)
	}
	return r
}

// What two nodes hold of a person, and what is recorded, is erased by one request to a node that has none of it: what waits
// goes on without it, and nothing that is written from then on says anything of it.
func TestErasure(t *testing.T) {
	t.Parallel()
	s, backend, dsn, logged := newSite(t), newRecording(t), recordtest.DSN(t), new(logBuffer)
	routes := filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(routes, fmt.Appendf(nil, "routes: [{name: all, executor: {type: http, url: %q}}]", backend.url), 0o600); err != nil {
		t.Fatal(err)
	}
	var folders []string
	with := func(c *Config) {
		c.ClickHouseDSN, c.RoutesFile, c.TrimAfter = dsn, routes, 24*time.Hour
		c.Log = slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		folders = append(folders, c.DataDir)
	}
	front := s.start("front", Roles{Ingest: true}, with)
	a := s.start("a", Roles{Processor: true, Results: true}, with)
	b := s.start("b", Roles{Processor: true}, with)
	a.owns(4)
	b.owns(4)
	const each = 8 // so that both nodes hold some
	for i := range each {
		front.sendBoth(fmt.Sprint("done-", i), 1, 1)
		front.sendBoth(fmt.Sprint("open-", i), 2, 3)
		front.sendBoth(fmt.Sprint("open-", i), 3, 3)
		front.send(fmt.Sprint("failed-", i), "Bad", 1, 2)
		front.sendBoth(fmt.Sprint("failed-", i), 2, 2)
	}
	for i := range each {
		front.want("ended", front.get(conversation(fmt.Sprint("done-", i))+"?wait=30s"), http.StatusOK, "Complete")
		front.want("failed", front.get(conversation(fmt.Sprint("failed-", i))+"?wait=30s"), http.StatusOK, "Error")
	}
	before := len(backend.sent())

	want := schemas.ErasedCounts{OpenCalls: 2 * each, KeptCalls: each, Objects: 3 * each, Results: 2 * each}
	found := front.erase(true)
	want.CallRows = found.Erased.CallRows
	if found.Erased != want {
		t.Errorf("a dry run finds %+v, want %+v", found.Erased, want)
	}
	if found = front.erase(false); found.Erased != want {
		t.Errorf("it finds %+v, want %+v", found.Erased, want)
	}
	remains(t, s.broker.Topics, found.Remains)
	if again := front.erase(false); again.Erased != (schemas.ErasedCounts{}) {
		t.Errorf("once more it finds %+v", again.Erased)
	}
	for i := range each {
		front.send(fmt.Sprint("open-", i), "Row", 1, 3)
		if got := front.do(http.MethodPost, conversation(fmt.Sprint("failed-", i))+"/resubmit", fmt.Sprintf(`{"conversationId":"again-%d"}`, i)); got.code != http.StatusCreated {
			t.Errorf("resubmitted: %d %s", got.code, got.body)
		}
	}
	for i := range each {
		for _, id := range []string{"open", "again"} {
			got := front.get(conversation(fmt.Sprintf("%s-%d", id, i)) + "?wait=30s")
			front.want("ended", got, http.StatusOK, "Complete")
			if !strings.Contains(got.body, `"correlationId":"one","objectType":"Row","customerKey":"","status":"Cancelled","errorCode":"Erased"`) {
				t.Errorf("%s-%d: %s", id, i, got.body)
			}
		}
	}
	sent := backend.sent()[before:]
	if len(sent) != 4*each {
		t.Errorf("the backend was sent %d calls, want %d", len(sent), 4*each)
	}
	for _, body := range sent {
		if word := speaks(body); word != "" {
			t.Errorf("the backend was sent %q: %s", word, body)
		}
	}
	isGone(t, dsn, 2*each+ // done
		4*each+each+ // open
		each+2*each+ // failed
		2*each, // resubmitted
	)
	for _, n := range []*running{front, a, b} {
		n.stop()
	}
	if word := speaks(logged.String()); word != "" {
		t.Errorf("a log says %q", word)
	}
	for _, folder := range folders {
		if file, word := inFolder(t, folder); word != "" {
			t.Errorf("file %s has %q", file, word)
		}
	}
}

// remains checks that each place says what can be said of it.
func remains(t *testing.T, names schemas.Topics, all []schemas.Remains) {
	t.Helper()
	until := make(map[string]bool)
	for _, r := range all {
		until[r.Place] = r.Until != nil
		if r.What == "" || r.Until != nil && r.Until.Before(time.Now()) {
			t.Errorf("remains %+v", r)
		}
	}
	for place, known := range map[string]bool{
		"topic " + names.Calls: true, "topic " + names.Results: true, "topic " + names.State: true, "topic " + names.Dead: false,
		"polls": true, "backends": false, "backups and others": false,
	} {
		if got, ok := until[place]; !ok || got != known {
			t.Errorf("%s is told of: %t, and until when: %t, want %t", place, ok, got, known)
		}
	}
}

// isGone waits until so many results are in ClickHouse, and looks at every row of every table.
func isGone(t *testing.T, dsn string, results uint64) {
	t.Helper()
	conn := recordtest.Open(t, dsn)
	var n uint64
	for deadline := time.Now().Add(patience); n < results && time.Now().Before(deadline); {
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM results").Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	if n != results {
		t.Errorf("%d results are recorded, want %d", n, results)
	}
	var tables []string
	if err := conn.QueryRow(t.Context(), "SELECT groupArray(name) FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'").Scan(&tables); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		var rows []string
		if err := conn.QueryRow(t.Context(), "SELECT groupArray(toString(tuple(*))) FROM "+table).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if word := speaks(row); word != "" {
				t.Errorf("table %s has %q: %s", table, word, row)
			}
		}
	}
}

// inFolder returns the first file below a folder that has a word of the calls about ann, and the word. Of calls that ended
// a moment ago the results are there, with customerKey, for polls.
func inFolder(t *testing.T, folder string) (file, word string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || word != "" {
			return err
		}
		content, err := os.ReadFile(path)
		file, word = path, speaks(strings.ReplaceAll(string(content), "row-of-ann", ""))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return file, word
}

func TestRemainsInOtherTopics(t *testing.T) {
	t.Parallel()
	routed, backends := routesOf([]route.Route{
		{Name: "ledger", Match: route.Match{Account: "acme"}, Executor: route.Executor{Type: route.Kafka, Topic: "postings"}},
		{Name: "other", Match: route.Match{Account: "umbra"}, Executor: route.Executor{Type: route.Kafka, Topic: "others"}},
		{Name: "crm", Match: route.Match{Account: route.All}},
		{Name: "all", Executor: route.Executor{Type: route.Kafka, Topic: "postings"}},
	}, "acme")
	if !slices.Equal(routed, []string{"postings"}) || !slices.Equal(backends, []string{`"crm"`}) {
		t.Errorf("topics %q, backends %q", routed, backends)
	}
	now := time.Now()
	if r := retained("t", topics.Retention{Time: time.Hour}, "", now); r.Until == nil || !r.Until.Equal(now.Add(time.Hour)) {
		t.Errorf("a topic that keeps an hour: %+v", r)
	}
	if r := retained("t", topics.Retention{}, "", now); r.Until != nil {
		t.Errorf("a topic that keeps everything: %+v", r)
	}
	if r := stateOf("t", topics.Retention{Compacted: true, CompactedWithin: time.Hour}, now); r.Until == nil || !r.Until.Equal(now.Add(time.Hour)) {
		t.Errorf("a topic that is compacted within an hour: %+v", r)
	}
	n := &node{cfg: Config{}}
	if r := n.trimmed("t", "", now); r.Until != nil {
		t.Errorf("a topic that is not trimmed: %+v", r)
	}
}
