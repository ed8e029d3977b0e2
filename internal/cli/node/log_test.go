package node

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"parley/internal/telemetry"
)

// logBuffer is where a node logs to.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// with returns the lines that have a text.
func (b *logBuffer) with(text string) []string {
	var out []string
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, text) {
			out = append(out, line)
		}
	}
	return out
}

// Whatever is logged, nobody who reads it can act in the name of another, nor learn what calls are about.
func TestRunLogsNoSecrets(t *testing.T) {
	t.Parallel()
	s, log := newSite(t), new(logBuffer)
	n := s.start("a", both, func(c *Config) {
		c.Log = slog.New(telemetry.NewHandler(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	})
	n.owns(8)
	const (
		apiKey         = "a-key-of-somebody"
		idempotencyKey = "a-key-to-repeat-with"
		payload        = "what-it-is-about"
		name           = "my-request"
	)
	body := `{"method":"Create","objects":[{"type":"Later","customerKey":"` + payload + `","properties":{"Email":"` + payload + `"}}],
		"options":{"conversationId":"order","sequenceCode":1,"callsInConversation":1}}`
	post := func(path, body string) said {
		t.Helper()
		return n.once(http.MethodPost, path, body, "Authorization", "Bearer "+apiKey, "Idempotency-Key", idempotencyKey, telemetry.HeaderRequest, name)
	}
	a := post("/v1/calls", body)
	if a.code != http.StatusAccepted {
		t.Fatalf("%d %s", a.code, a.body)
	}
	location, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	receipt := location.Query().Get("receipt")
	n.eventually("the call is deferred", func() bool { return s.token("order") != "" && n.get(location.String()).Status == "Deferred" })
	token := s.token("order")
	post("/v1/deferred/"+token, `{"results":[{"status":"Error","message":"`+payload+`"}]}`)
	n.want("ended", n.get(location.String()+"&wait=20s"), 200, "Error")
	post("/v1/deferred/"+token, `{"results":[],"`+payload+`":1}`)
	post("/v1/deferred/"+token+"x", `{}`)
	post("/v1/calls", strings.Replace(body, "Create", payload, 1))
	n.get(location.Path + "?receipt=" + receipt[1:])
	n.stop()

	for what, secret := range map[string]string{
		"API key": apiKey, "Idempotency-Key": idempotencyKey, "receipt": receipt, "token": token, "payload": payload, "PARLEY_SECRET": "0123456789abcdef",
	} {
		if found := log.with(secret); secret == "" || len(found) > 0 {
			t.Errorf("the %s %q is in the log: %s", what, secret, found)
		}
	}
	request := strings.TrimPrefix(location.Path, "/v1/requests/")
	for message, want := range map[string][]string{
		`msg="call accepted"`:               {"account=default", "request=" + request, "conversation=order", "partition=", "http_request=" + name},
		`msg="attempt ended"`:               {"account=default", "request=" + request, "conversation=order", "partition=", "route=all", "attempt=1", "outcome=deferred"},
		`msg="call refused"`:                {"account=default", "code=UnknownMethod", "http_request=" + name},
		`path=/v1/deferred/ `:               {`msg="request answered"`, "status=202", "http_request=" + name},
		`msg="request answered" method=GET`: {"status=200", "http_request="},
	} {
		if lines := log.with(message); len(lines) == 0 || !hasAll(lines, want) {
			t.Errorf("of %s there is %s, want %s", message, lines, want)
		}
	}
}

// hasAll reports whether one of the lines has all of the texts.
func hasAll(lines, texts []string) bool {
	for _, line := range lines {
		missing := ""
		for _, text := range texts {
			if !strings.Contains(line, text) {
				missing = text
			}
		}
		if missing == "" {
			return true
		}
	}
	return false
}

// A program that reads the log reads JSON.
func TestLogOfATrace(t *testing.T) {
	t.Parallel()
	s, log, spans := newSite(t), new(logBuffer), new(collector)
	n := s.start("a", both, func(c *Config) {
		c.Spans = spans
		c.Log = slog.New(telemetry.NewHandler(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	})
	n.owns(8)
	sent := n.once(http.MethodPost, "/v1/calls", `{"method":"Create","objects":[{"type":"Row"}]}`, "Traceparent", "00-"+someTrace+"-00f067aa0ba902b7-01")
	n.want("ended", n.get(sent.header.Get("Location")+"&wait=20s"), 200, "OK")
	for _, message := range []string{"call accepted", "attempt ended"} {
		lines := log.with(fmt.Sprintf(`"msg":%q`, message))
		if len(lines) != 1 || !strings.Contains(lines[0], `"trace_id":"`+someTrace+`","span_id":"`) {
			t.Errorf("of %q there is %s, want one line with the trace", message, lines)
		}
	}
}
