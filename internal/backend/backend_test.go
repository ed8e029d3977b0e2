package backend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/internal/backend"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func newBackend(t *testing.T, cfg backend.Config) *backend.Backend {
	t.Helper()
	b, err := backend.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// post sends a body with an Idempotency-Key, none if empty, and returns the answer.
func post(b *backend.Backend, key, body string) (status int, answer string) {
	r := httptest.NewRequest(http.MethodPost, "/calls", strings.NewReader(body))
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
		r.Header.Set("Parley-Fence", "7")
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

func get(t *testing.T, b *backend.Backend, path string, into any) int {
	t.Helper()
	w := httptest.NewRecorder()
	b.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("GET %s: %v in %s", path, err, w.Body)
		}
	}
	return w.Code
}

// call is the body of a call on one object of type Row.
func call(method, key, properties string) string {
	return fmt.Sprintf(`{"account":"a","requestId":"r-%s","conversationId":"c","sequenceCode":1,"callsInConversation":2,"attempt":1,"method":%q,
		"objects":[{"type":"Row","customerKey":%q,"correlationId":"x","properties":{%s}}]}`, key, method, key, properties)
}

func TestMethods(t *testing.T) {
	t.Parallel()
	ok := `{"ordinal":0,"correlationId":"x","status":"OK"}`
	failed := func(code, message string) string {
		return fmt.Sprintf(`{"ordinal":0,"correlationId":"x","status":"Error","errorCode":%q,"message":%q}`, code, message)
	}
	b := newBackend(t, backend.Config{})
	steps := []struct{ method, properties, want string }{
		{"Update", ``, failed("NotFound", "there is no Row k")},
		{"Delete", ``, failed("NotFound", "there is no Row k")},
		{"Perform", ``, ok},
		{"Create", `"A":1,"B":[2]`, ok},
		{"Create", `"A":2`, failed("AlreadyExists", "Row k is there already")},
		{"Update", `"B":3,"_backend":{"delayMs":1}`, ok},
		{"Update", `"B":4,"_backend":{"error":"Locked","message":"not now"}`, failed("Locked", "not now")},
		{"Perform", ``, ok},
	}
	for i, s := range steps {
		status, got := post(b, "", call(s.method, "k", s.properties))
		if want := `{"requestId":"r-k","results":[` + s.want + `]}`; status != http.StatusOK || got != want {
			t.Errorf("step %d, %s: got %d %s, want %s", i, s.method, status, got, want)
		}
	}
	var o backend.ObjectView
	if status := get(t, b, "/objects/Row/k?account=a", &o); status != http.StatusOK || !o.Exists || o.Performed != 2 ||
		string(o.Properties["A"]) != "1" || string(o.Properties["B"]) != "3" || len(o.Properties) != 2 {
		t.Errorf("got %d %+v", status, o)
	}
	if status := get(t, b, "/objects/Row/k", nil); status != http.StatusNotFound {
		t.Errorf("another account's object: got %d", status)
	}
	post(b, "", call("Delete", "k", ``))
	if get(t, b, "/objects/Row/k?account=a", &o); o.Exists {
		t.Error("object is there after Delete")
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	b := newBackend(t, backend.Config{})
	post(b, "", `{"requestId":"r","account":"default","method":"Create","objects":[
		{"type":"T","customerKey":"1","id":"x"},{"type":"T","subscriberKey":"2","partnerKey":"x"},{"type":"T","partnerKey":"3","id":"x"},
		{"type":"T","id":"4","objectId":"x"},{"type":"T","objectId":"5/6"},{"type":"T"},{"type":"U","id":"1"}]}`)
	var page struct {
		Objects []backend.ObjectView
		Next    string
	}
	var got []string
	for path := "/objects?type=T&limit=2"; path != ""; {
		page.Next = ""
		get(t, b, path, &page)
		for _, o := range page.Objects {
			got = append(got, o.Key)
		}
		if path = ""; page.Next != "" {
			path = "/objects?type=T&limit=2&after=" + strings.NewReplacer(`"`, "%22", `[`, "%5B", `]`, "%5D").Replace(page.Next)
		}
	}
	if want := []string{"1", "2", "3", "4", "5/6", "r-5"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if status := get(t, b, "/objects/T/5/6", nil); status != http.StatusOK {
		t.Errorf("key with a slash: got %d", status)
	}
}

func TestRepeatedKeyAnswersTheFirstOutcome(t *testing.T) {
	t.Parallel()
	b := newBackend(t, backend.Config{})
	_, first := post(b, "key", call("Create", "k", ``))
	_, second := post(b, "key", call("Create", "k", ``))
	if first != second || strings.Contains(first, "AlreadyExists") {
		t.Errorf("got %s, then %s", first, second)
	}
	var log backend.Executions
	get(t, b, "/executions", &log)
	if len(log.Executions) != 2 || log.Executions[0].Repeated || !log.Executions[1].Repeated {
		t.Fatalf("got %+v", log)
	}
	e := log.Executions[0]
	e.At = time.Time{}
	want := backend.Execution{
		Sequence: 1, Account: "a", RequestID: "r-k", ConversationID: "c", SequenceCode: 1, CallsInConversation: 2, Attempt: 1,
		Method: "Create", IdempotencyKey: "key", Fence: 7, Outcome: "executed", Status: 200,
	}
	if e != want {
		t.Errorf("got %+v, want %+v", e, want)
	}
}

func TestConcurrentRepetitionsExecuteOnce(t *testing.T) {
	t.Parallel()
	b := newBackend(t, backend.Config{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { post(b, "key", call("Create", "k", `"_backend":{"delayMs":1}`)) })
	}
	wg.Wait()
	var log backend.Executions
	get(t, b, "/executions", &log)
	executed := 0
	for _, e := range log.Executions {
		if !e.Repeated {
			executed++
		}
	}
	if executed != 1 || len(log.Executions) != 20 {
		t.Errorf("%d of %d were executed, want 1 of 20", executed, len(log.Executions))
	}
}

func TestRememberedOutcomesAreBounded(t *testing.T) {
	t.Parallel()
	b := newBackend(t, backend.Config{RepeatBytesMax: 2000, ExecutionsMax: 3})
	for i := range 100 {
		post(b, fmt.Sprint("key-", i), call("Create", fmt.Sprint(i), ``))
	}
	if _, got := post(b, "key-99", call("Create", "99", ``)); strings.Contains(got, "AlreadyExists") {
		t.Error("the latest outcome is forgotten")
	}
	if _, got := post(b, "key-0", call("Create", "0", ``)); !strings.Contains(got, "AlreadyExists") {
		t.Error("the oldest outcome is not forgotten")
	}
	var log backend.Executions
	get(t, b, "/executions?after=1", &log)
	var got []int64
	for _, e := range log.Executions {
		got = append(got, e.Sequence)
	}
	if !slices.Equal(got, []int64{100, 101, 102}) || log.Next != 102 || log.Oldest != 100 {
		t.Errorf("got %d, next %d, oldest %d", got, log.Next, log.Oldest)
	}
	get(t, b, "/executions?after=101&limit=1", &log)
	if len(log.Executions) != 1 || log.Executions[0].Sequence != 102 {
		t.Errorf("got %+v", log)
	}
	get(t, b, "/executions?after=500", &log)
	if len(log.Executions) != 0 || log.Next != 500 {
		t.Errorf("got %+v", log)
	}
}

func TestBehavior(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, told string
		want       []int // status of each attempt
		body       string
	}{
		{"status", `{"status":503}`, []int{503, 503}, `{"code":"Told","detail":""}`},
		{"status with a reason", `{"status":400,"error":"Bad","message":"very"}`, []int{400}, `{"code":"Bad","detail":"very"}`},
		{"fails and heals", `{"failTimes":2}`, []int{503, 503, 200, 200}, ``},
		{"fails otherwise and heals", `{"failTimes":1,"status":429}`, []int{429, 200}, ``},
		{"defers", `{"defer":"never"}`, []int{202, 202}, ``},
		{"fails before it defers", `{"defer":"never","failTimes":1}`, []int{503, 202}, ``},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t, backend.Config{})
			for i, want := range test.want {
				status, body := post(b, "key", call("Create", "k", `"_backend":`+test.told))
				if status != want || test.body != "" && body != test.body {
					t.Errorf("attempt %d: got %d %s, want %d %s", i+1, status, body, want, test.body)
				}
			}
			var log backend.Executions
			get(t, b, "/executions", &log)
			for i, e := range log.Executions {
				if e.Status != test.want[i] || (e.Outcome == "executed") != (e.Status == 200) {
					t.Errorf("attempt %d is logged as %+v", i+1, e)
				}
			}
		})
	}
}

func TestDelayEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	b := newBackend(t, backend.Config{Latency: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/calls", strings.NewReader(call("Create", "k", ``)))
	b.ServeHTTP(httptest.NewRecorder(), r)
	var log backend.Executions
	if get(t, b, "/executions", &log); len(log.Executions) != 0 {
		t.Errorf("got %+v", log)
	}
}

// Who goes before the answer comes does not learn that the call was executed.
func TestLingerFollowsTheExecution(t *testing.T) {
	t.Parallel()
	b := newBackend(t, backend.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/calls", strings.NewReader(call("Create", "k", `"_backend":{"lingerMs":60000}`)))
	b.ServeHTTP(httptest.NewRecorder(), r)
	var log backend.Executions
	if get(t, b, "/executions", &log); len(log.Executions) != 1 || log.Executions[0].Status != http.StatusOK {
		t.Errorf("got %+v", log)
	}
}

func TestFailureRate(t *testing.T) {
	t.Parallel()
	failed := func(seed uint64) string {
		b := newBackend(t, backend.Config{FailureRate: 0.25, Seed: seed})
		var s strings.Builder
		for i := range 1000 {
			status, _ := post(b, fmt.Sprint("key-", i), call("Create", fmt.Sprint(i), ``))
			fmt.Fprint(&s, status/100)
		}
		return s.String()
	}
	one, again, other := failed(1), failed(1), failed(2)
	if one != again {
		t.Error("the same seed gives other failures")
	}
	if one == other {
		t.Error("another seed gives the same failures")
	}
	if n := strings.Count(one, "5"); n < 200 || n > 300 {
		t.Errorf("%d of 1000 failed, want about 250", n)
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	b := newBackend(t, backend.Config{})
	one, two := call("Create", "1", ``), call("Update", "2", ``)
	for range 2 { // the second time as a repetition
		status, body := post(b, "", `{"calls":[`+one+`,`+two+`]}`)
		want := `{"calls":[{"requestId":"r-1","results":[{"ordinal":0,"correlationId":"x","status":"OK"}]},` +
			`{"requestId":"r-2","results":[{"ordinal":0,"correlationId":"x","status":"Error","errorCode":"NotFound","message":"there is no Row 2"}]}]}`
		if status != http.StatusOK || body != want {
			t.Errorf("got %d %s, want %s", status, body, want)
		}
	}
	flaky := `{"calls":[` + call("Create", "3", ``) + `,` + call("Create", "4", `"_backend":{"failTimes":1}`) + `]}`
	if status, _ := post(b, "", flaky); status != http.StatusServiceUnavailable {
		t.Errorf("got %d, want 503", status)
	}
	if status, body := post(b, "", flaky); status != http.StatusOK || strings.Contains(body, "Error") {
		t.Errorf("got %d %s", status, body)
	}
	if status, body := post(b, "", `{"calls":[]}`); status != http.StatusOK || body != `{"calls":[]}` {
		t.Errorf("got %d %s", status, body)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	b := newBackend(t, backend.Config{})
	tests := []struct{ body, code string }{
		{``, "InvalidBody"},
		{`{"method":1}`, "InvalidBody"},
		{`{"calls":[null]}`, "UnknownMethod"},
		{`{"method":"Steal","objects":[{"type":"T"}]}`, "UnknownMethod"},
		{`{"method":"Create"}`, "NoObjects"},
		{`{"method":"Create","objects":[{}]}`, "ObjectTypeRequired"},
		{call("Create", "k", `"_backend":{"status":200}`), "InvalidBehavior"},
		{call("Create", "k", `"_backend":"slow"`), "InvalidBehavior"},
		{call("Create", "k", `"_backend":{"defer":"soon"}`), "InvalidBehavior"},
		{call("Create", "k", `"_backend":{"defer":"late"}`), "InvalidBehavior"}, // answered where?
	}
	for _, test := range tests {
		status, body := post(b, "", test.body)
		if status != http.StatusBadRequest || !strings.Contains(body, `"code":"`+test.code+`"`) {
			t.Errorf("%s: got %d %s, want %s", test.body, status, body, test.code)
		}
	}
	for _, path := range []string{"/executions?limit=0", "/executions?after=x", "/objects?limit=x", "/objects?after=x"} {
		if status := get(t, b, path, nil); status != http.StatusBadRequest {
			t.Errorf("%s: got %d", path, status)
		}
	}
	var log backend.Executions
	if get(t, b, "/executions", &log); len(log.Executions) != 0 {
		t.Errorf("something was executed: %+v", log)
	}
}

func TestJournalSurvives(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	b := newBackend(t, backend.Config{Journal: path})
	_, first := post(b, "key", call("Create", "k", `"A":1`))
	post(b, "flaky", call("Create", "l", `"_backend":{"failTimes":2}`))
	post(b, "key", call("Create", "k", `"A":1`))
	// No Close: what was answered is in the file. The kill came in the middle of the next line.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"sequence":4,"at":"20`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	for range 2 {
		b = newBackend(t, backend.Config{Journal: path})
		var o backend.ObjectView
		if get(t, b, "/objects/Row/k?account=a", &o); string(o.Properties["A"]) != "1" {
			t.Errorf("got %+v", o)
		}
		var log backend.Executions
		get(t, b, "/executions", &log)
		if len(log.Executions) < 3 || log.Executions[2].Sequence != 3 || !log.Executions[2].Repeated {
			t.Errorf("got %+v", log)
		}
	}
	if _, again := post(b, "key", call("Create", "k", `"A":1`)); again != first {
		t.Errorf("got %s, want the first outcome %s", again, first)
	}
	for attempt, want := range []int{503, 200} { // one failure was before
		if status, _ := post(b, "flaky", call("Create", "l", `"_backend":{"failTimes":2}`)); status != want {
			t.Errorf("attempt %d: got %d, want %d", attempt+2, status, want)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range bytes.Split(bytes.TrimSuffix(raw, []byte("\n")), []byte("\n")) {
		var e backend.Execution
		if err := json.Unmarshal(line, &e); err != nil || e.Sequence != int64(i+1) {
			t.Errorf("line %d: %s: %v", i+1, line, err)
		}
	}
}

func TestNewReportsWhatIsWrong(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("{}\nnot json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		cfg  backend.Config
		want string
	}{
		{backend.Config{Latency: -1}, "latency"},
		{backend.Config{FailureRate: 1.5}, "failure rate"},
		{backend.Config{FailureRate: math.NaN()}, "failure rate"},
		{backend.Config{ExecutionsMax: -1}, "limit"},
		{backend.Config{AnswerTo: "127.0.0.1:8080"}, "where answers go"},
		{backend.Config{Journal: t.TempDir()}, "open journal"},
		{backend.Config{Journal: bad}, "line 2"},
	}
	for _, test := range tests {
		if _, err := backend.New(test.cfg); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %q", test.cfg, err, test.want)
		}
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	b := newBackend(t, backend.Config{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- b.Serve(ctx, l) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	answer, err := client.Post("http://"+l.Addr().String()+"/calls", "application/json", strings.NewReader(call("Create", "k", `"_backend":{"delayMs":50}`)))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("got %s %s, %v", answer.Status, body, err)
	}
	answer.Body.Close()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if status, _ := post(b, "", call("Create", "x", ``)); status != http.StatusInternalServerError {
		t.Errorf("after Close: got %d", status)
	}
}

func FuzzCalls(f *testing.F) {
	f.Add(call("Create", "k", `"_backend":{"failTimes":1}`))
	f.Add(`{"calls":[` + call("Perform", "k", ``) + `]}`)
	b, err := backend.New(backend.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, "delay") {
			return
		}
		status, answer := post(b, "", body)
		if status != http.StatusAccepted && !json.Valid([]byte(answer)) {
			t.Errorf("got %d %q", status, answer)
		}
	})
}

func BenchmarkCall(b *testing.B) {
	back, err := backend.New(backend.Config{})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		if status, body := post(back, fmt.Sprint("key-", i), call("Create", fmt.Sprint(i), `"Email":"x@example.com"`)); status != http.StatusOK {
			b.Fatal(status, body)
		}
	}
}
