package processor_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/testkit"
	"parley/processor"
	"parley/schemas"
)

// logBuffer is a log that a test reads while others write it.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// TestTopicThatRefusesARecord takes away from the state what it needs for a long call, while the processor runs: that
// is said, is not tried without a pause, and when it is mended the call is carried out.
func TestTopicThatRefusesARecord(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var ends atomic.Int64
	c.kafka.Fake().ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.kafka.Fake().KeepControl()
		ends.Add(1)
		return nil, nil, false
	})
	log := new(logBuffer)
	p, _ := c.start(new(recorder), t.TempDir(), func(cfg *processor.Config) { cfg.Log = slog.New(slog.NewTextHandler(log, nil)) })
	c.send("acme/a", part("a", 1, 1))
	await(t, p, "a")
	c.setMessageBytesMax(c.topics.State, 100<<10)
	before := ends.Load()
	c.send("acme/b", strings.Replace(part("b", 1, 1), `"type":"Row"`, `"type":"Row","properties":{"x":"`+noise(200<<10)+`"}`, 1))
	eventually(t, "the log says what is wrong, twice", func() bool {
		return strings.Count(log.String(), "topic "+c.topics.State+" partition") >= 2
	})
	if n := ends.Load() - before; n > 10 {
		t.Errorf("%d transactions ended meanwhile: the turn was tried again without a pause", n)
	}
	if !strings.Contains(log.String(), "set max.message.bytes of the topic to 16777216") {
		t.Errorf("the log does not say what to do: %s", log)
	}
	c.setMessageBytesMax(c.topics.State, 16<<20)
	if r := await(t, p, "b"); r.Status != schemas.ConversationComplete {
		t.Errorf("conversation: %+v, want Complete", r)
	}
	once(t, c.events(4))
}

func (c *cluster) setMessageBytesMax(topic string, n int) {
	c.t.Helper()
	value := fmt.Sprint(n)
	set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &value}}
	if _, err := kadm.NewClient(c.client).AlterTopicConfigs(c.t.Context(), set, topic); err != nil {
		c.t.Fatal(err)
	}
}

// noise is text that does not compress well.
func noise(n int) string {
	var b strings.Builder
	for h := uint64(1); b.Len() < n; h = h*6364136223846793005 + 1442695040888963407 {
		fmt.Fprintf(&b, "%016x", h)
	}
	return b.String()[:n]
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(testkit.Patience); !holds(); <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}
