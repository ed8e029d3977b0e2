package processor_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"parley/processor"
	"parley/schemas"
)

// TestRequestsThatAreTooLongTogether has a turn with more for one partition than a batch of its topic may hold.
func TestRequestsThatAreTooLongTogether(t *testing.T) {
	t.Parallel()
	const n = 200
	c := newCluster(t)
	bytesMax := fmt.Sprint(100 << 10)
	c.kafka.Create(1, map[string]*string{"max.message.bytes": &bytesMax}, c.requests())
	text := `"type":"Row","properties":{"text":"` + noise(5_000) + `"}`
	for i := range n {
		id := fmt.Sprintf("c%d", i)
		c.send("acme/"+id, strings.Replace(part(id, 1, 1), `"type":"Row"`, text, 1))
	}
	log := new(logBuffer)
	p, _ := c.start(noBackend(t), t.TempDir(), c.byKafka(), func(cfg *processor.Config) {
		cfg.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelError}))
	})
	for i := range n {
		if r := await(t, p, fmt.Sprintf("c%d", i)); r.Status != schemas.ConversationComplete {
			t.Fatalf("conversation: %+v, want Complete", r)
		}
	}
	if said := log.String(); said != "" {
		t.Errorf("the log says %s", said)
	}
	if got := len(c.read(c.requests())); got != n {
		t.Errorf("%d requests, want %d", got, n)
	}
}
