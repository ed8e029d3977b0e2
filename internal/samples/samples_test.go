package samples_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"parley/internal/backend"
	"parley/internal/samples"
	"parley/schemas"
)

var rewrite = flag.Bool("rewrite", false, "write the sample data and its counts anew")

const folder = "../../deploy/samples"

func generate(t *testing.T) ([]byte, samples.Counts) {
	t.Helper()
	var b bytes.Buffer
	counts, err := samples.Generate(&b)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), counts
}

func TestFileIsWhatTheGeneratorMakes(t *testing.T) {
	t.Parallel()
	want, _ := generate(t)
	path := filepath.Join(folder, "orders.ndjson")
	if *rewrite {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from what the generator makes; go test ./internal/samples -rewrite makes it anew", path)
	}
	if len(want) > 1_500_000 {
		t.Errorf("the file has %d bytes", len(want))
	}
}

func TestReadmeHasTheCounts(t *testing.T) {
	t.Parallel()
	_, counts := generate(t)
	path := filepath.Join(folder, "README.md")
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile(`(?s)(<!-- counts:[^>]*-->\n).*(<!-- end of counts -->)`)
	want := table.ReplaceAll(readme, []byte("${1}\n"+counts.Table()+"\n${2}"))
	if *rewrite {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		readme = want
	}
	if !bytes.Equal(readme, want) || !bytes.Contains(readme, []byte(counts.Table())) {
		t.Errorf("%s has other counts; go test ./internal/samples -rewrite writes them anew:\n%s", path, counts.Table())
	}
}

func TestEveryLineIsACallThatIsAccepted(t *testing.T) {
	t.Parallel()
	data, counts := generate(t)
	types, lengths := map[string]int{}, map[int]int{}
	for i, line := range lines(data) {
		c, problem := schemas.DecodeCall(line)
		if problem == nil {
			c.Account = "default" // as POST /v1/calls sets it
			problem = schemas.DefaultLimits().Validate(c, time.Time{})
		}
		if problem != nil {
			t.Fatalf("line %d: %v", i+1, problem)
		}
		for _, o := range c.Objects {
			types[o.Type]++
		}
		lengths[int(*c.Options.CallsInConversation)]++
	}
	if counts.Conversations < 1000 || len(types) < 5 || len(lengths) < samples.PartsMax {
		t.Errorf("%d conversations, types %v, lengths %v", counts.Conversations, types, lengths)
	}
}

func lines(data []byte) [][]byte {
	return bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
}

// TestCounts executes the file on the demo backend, by the dumbest model of a conversation there is, in the order
// of the file and in others.
func TestCounts(t *testing.T) {
	t.Parallel()
	data, want := generate(t)
	for seed := range uint64(4) {
		in := lines(data)
		if seed > 0 {
			rand.New(rand.NewPCG(seed, 0)).Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
		}
		m := newModel(t)
		for _, line := range in {
			m.receive(line)
		}
		if got := m.finish(); got != want {
			t.Errorf("seed %d: got\n%swant\n%s", seed, got.Table(), want.Table())
		}
	}
}

// part is what the model needs of a call.
type part struct {
	backend.Call

	Options struct {
		ConversationID      string `json:"conversationId"`
		SequenceCode        int32  `json:"sequenceCode"`
		CallsInConversation int32  `json:"callsInConversation"`
		FailOn              string `json:"failOn"`
	} `json:"options"`
}

type model struct {
	t       *testing.T
	backend *backend.Backend
	seen    map[string]bool
	staged  map[string]map[int32]part
	ended   map[string]bool
	counts  samples.Counts
}

func newModel(t *testing.T) *model {
	t.Helper()
	b, err := backend.New(backend.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return &model{t: t, backend: b, seen: map[string]bool{}, staged: map[string]map[int32]part{}, ended: map[string]bool{}}
}

func (m *model) receive(line []byte) {
	m.counts.Lines++
	if m.seen[string(line)] {
		m.counts.Resent++
		return
	}
	m.seen[string(line)] = true
	var p part
	if err := json.Unmarshal(line, &p); err != nil {
		m.t.Fatal(err)
	}
	id := p.Options.ConversationID
	parts := m.staged[id]
	if parts == nil {
		parts = map[int32]part{}
		m.staged[id] = parts
		m.counts.Conversations++
	}
	_, conflict := parts[p.Options.SequenceCode]
	for _, other := range parts {
		conflict = conflict || other.Options.CallsInConversation != p.Options.CallsInConversation
	}
	switch {
	case m.ended[id]:
		m.t.Errorf("conversation %s: a part comes after the end", id)
	case conflict:
		m.counts.CallsRejected++
		m.counts.CallsNotProcessed += len(parts)
		m.counts.ConversationsError++
		m.ended[id] = true
	default:
		parts[p.Options.SequenceCode] = p
		if len(parts) == int(p.Options.CallsInConversation) {
			m.execute(id, parts)
		}
	}
}

func (m *model) execute(id string, parts map[int32]part) {
	m.ended[id] = true
	for k := int32(1); int(k) <= len(parts); k++ {
		p := parts[k]
		failed := false
		switch m.call(p) {
		case "OK":
			m.counts.CallsOK++
		case "HasErrors":
			m.counts.CallsHasErrors++
			failed = p.Options.FailOn == ""
		case "Error":
			m.counts.CallsError++
			failed = p.Options.FailOn != "Never"
		}
		if failed {
			m.counts.CallsNotProcessed += len(parts) - int(k)
			m.counts.ConversationsError++
			return
		}
	}
	m.counts.ConversationsComplete++
}

// call executes one part until the backend answers, and returns the status of the call.
func (m *model) call(p part) string {
	p.RequestID = fmt.Sprint(p.Options.ConversationID, "-", p.Options.SequenceCode)
	body, err := json.Marshal(p.Call)
	if err != nil {
		m.t.Fatal(err)
	}
	for attempt := 1; attempt < 5; attempt++ {
		r := httptest.NewRequest(http.MethodPost, "/calls", bytes.NewReader(body))
		r.Header.Set("Idempotency-Key", p.RequestID)
		w := httptest.NewRecorder()
		m.backend.ServeHTTP(w, r)
		if w.Code == http.StatusServiceUnavailable {
			continue
		}
		if attempt > 1 {
			m.counts.Retried++
		}
		return m.status(w.Body.Bytes())
	}
	m.t.Fatalf("%s never heals", p.RequestID)
	return ""
}

func (m *model) status(body []byte) string {
	var answer struct{ Results []backend.Result }
	if err := json.Unmarshal(body, &answer); err != nil {
		m.t.Fatal(err)
	}
	errs := 0
	for _, r := range answer.Results {
		if r.ErrorCode == "NotFound" || r.ErrorCode == "AlreadyExists" {
			m.t.Errorf("a story is told in the wrong order: %s", body)
		}
		if r.Status != "OK" {
			errs++
		}
	}
	switch errs {
	case 0:
		return "OK"
	case len(answer.Results):
		return "Error"
	}
	return "HasErrors"
}

func (m *model) finish() samples.Counts {
	for id, parts := range m.staged {
		if !m.ended[id] {
			m.counts.ConversationsStaging++
			m.counts.CallsStaged += len(parts)
		}
	}
	return m.counts
}

func TestGeneratorIsDeterministic(t *testing.T) {
	t.Parallel()
	one, _ := generate(t)
	other, _ := generate(t)
	if !bytes.Equal(one, other) {
		t.Error("two runs differ")
	}
	if strings.Contains(string(one), "\\u00") {
		t.Error("the file has escapes that a person cannot read")
	}
}
