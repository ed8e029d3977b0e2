package webhook_test

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/internal/webhook"
)

// receivers is the folder of the receivers that the documentation has.
var receivers = filepath.Join("..", "..", "docs", "receivers")

func TestTheReceiverInGo(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "receiver")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, filepath.Join(receivers, "receiver.go")).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	exerciseReceiver(t, program)
}

// exerciseReceiver runs a receiver, and holds what it takes against what it must.
func exerciseReceiver(t *testing.T, program string, args ...string) {
	t.Helper()
	young, old := webhook.NewSecret(), webhook.NewSecret()
	url := startReceiver(t, young.Text()+","+old.Text(), program, args...)
	const body = "{\"type\": \"call.completed\", \"sequence\": \"0-7\", \"call\": {\"message\": \"\u00e9 \u2028 \\u0000\"}}\n"
	now := time.Now()
	for _, tt := range []struct {
		name   string
		by     []webhook.Secret
		at     time.Time
		body   string
		change func(http.Header)
		want   int
	}{
		{"signed", []webhook.Secret{young}, now, body, nil, 204},
		{"signed by the older one", []webhook.Secret{old}, now, body, nil, 204},
		{"signed by both", []webhook.Secret{young, old}, now, body, nil, 204},
		{"signed by a third one, too", []webhook.Secret{webhook.NewSecret(), old}, now, body, nil, 204},
		{"with a signature of another kind", []webhook.Secret{young}, now, body, func(h http.Header) {
			h.Set("webhook-signature", "v1a,AAAA v2, x v1, v1,! "+h.Get("webhook-signature"))
		}, 204},
		{"signed by somebody else", []webhook.Secret{webhook.NewSecret()}, now, body, nil, 401},
		{"long ago", []webhook.Secret{young}, now.Add(-10 * time.Minute), body, nil, 401},
		{"in the future", []webhook.Secret{young}, now.Add(10 * time.Minute), body, nil, 401},
		{"with another id", []webhook.Secret{young}, now, body, func(h http.Header) { h.Set("webhook-id", "b") }, 401},
		{"without an id", []webhook.Secret{young}, now, body, func(h http.Header) { h.Del("webhook-id") }, 401},
		{"without a time", []webhook.Secret{young}, now, body, func(h http.Header) { h.Del("webhook-timestamp") }, 401},
		{"at no time", []webhook.Secret{young}, now, body, func(h http.Header) { h.Set("webhook-timestamp", "now") }, 401},
		{"without a signature", []webhook.Secret{young}, now, body, func(h http.Header) { h.Del("webhook-signature") }, 401},
		{"cut off", []webhook.Secret{young}, now, body, func(h http.Header) { h.Set("webhook-signature", h.Get("webhook-signature")[:20]) }, 401},
		{"without a word", nil, now, body, nil, 401},
		{"signed, and no JSON", []webhook.Secret{young}, now, "{", nil, 400},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		webhook.Sign(r.Header, "a", tt.at, []byte(tt.body), tt.by...)
		if tt.change != nil {
			tt.change(r.Header)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		response.Body.Close()
		if response.StatusCode != tt.want {
			t.Errorf("%s: answered %d, want %d", tt.name, response.StatusCode, tt.want)
		}
	}
}

// startReceiver runs a receiver until the test ends, and returns where it listens.
func startReceiver(t *testing.T, secrets, program string, args ...string) (url string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append(args, "127.0.0.1:0")...)
	cmd.Env = append(os.Environ(), "PARLEY_WEBHOOK_SECRET="+secrets)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // killed by then: t.Context has ended
	line, err := bufio.NewReader(stdout).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		_ = cmd.Wait() // why it ended is what it says
		t.Fatalf("%s says %q, %v\n%s", program, line, err, stderr.String())
	}
	return "http://" + addr
}
