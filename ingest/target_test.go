package ingest

import (
	"fmt"
	"strings"
	"testing"

	"parley/internal/egress"
	"parley/schemas"
)

// tells is a call with targets.
func tells(addresses ...string) string {
	targets := make([]string, len(addresses))
	for i, a := range addresses {
		targets[i] = fmt.Sprintf(`{"responseType":"HTTPPost","responseAddress":%q,"respondWhen":"OnCallComplete"}`, a)
	}
	return `{"method":"Create","objects":[{"type":"Order"}],"options":{"sendResponseTo":[` + strings.Join(targets, ",") + `]}}`
}

// Who names a target that is not called is told at once, as far as its URL tells; a name may stand for anything.
func TestTargetsThatAreNotCalled(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.post(t, tells("https://example.com/hook", "https://localhost/")).accepted(t)
	h.post(t, `{"method":"Create","objects":[{"type":"Order"}],"options":{"sendResponseTo":[{"responseType":"None"}]}}`).accepted(t)
	for _, address := range []string{
		"http://example.com/", "https://127.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/latest/meta-data/", "https://example.com:9092/",
		"https://2130706433/", "https://a:hunter2@example.com/",
	} {
		r := h.post(t, tells("https://example.com/hook", address))
		p := r.problem(t)
		if p.Code != schemas.InvalidResponseAddress || p.Pointer != "/options/sendResponseTo/1/responseAddress" || strings.Contains(p.Detail, "hunter2") {
			t.Errorf("%s: %s", address, r.body)
		}
	}
}

func TestTargetsThatAreAllowed(t *testing.T) {
	t.Parallel()
	allow, err := egress.ParseNetworks([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	h := start(t, func(c *Config) { c.Egress = egress.New(allow) })
	h.post(t, tells("http://127.0.0.1:9191/", "http://hook.internal:8080/")).accepted(t)
	if p := h.post(t, tells("http://10.0.0.1/")).problem(t); p.Code != schemas.InvalidResponseAddress {
		t.Errorf("%+v", p)
	}
}
