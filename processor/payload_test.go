package processor_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

// newEmbedded is a cluster on the embedded broker, in a process of its own.
func newEmbedded(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, seeds: []string{testkit.Broker(t)}, topics: schemas.TopicsOf("parley"), groups: groupsOf("parley")}
	c.ensure()
	return c
}

// callOf is a call of exactly so many bytes.
func callOf(conversation string, size int, fill func(int) string) string {
	call := strings.Replace(part(conversation, 1, 1), `"type":"Row"`, `"type":"Row","properties":{"x":"@"}`, 1)
	return strings.Replace(call, "@", fill(size-len(call)+1), 1)
}

// TestLongestCalls sends calls at the limit and beyond it, uncompressed and compressed: what counts is the length of
// the call, not that of what a client made of it.
func TestLongestCalls(t *testing.T) {
	t.Parallel()
	limit := schemas.DefaultLimits().CallBytesMax
	zeros := func(n int) string { return strings.Repeat("0", n) }
	tests := []struct {
		name string
		size int
		fill func(int) string
		want string
	}{
		{"limit", limit, noise, "OK"},
		{"limit of what compresses well", limit, zeros, "OK"},
		{"over", limit + 4<<10 + 1, noise, "Rejected TooLarge"},
		{"over, what compresses well", limit + 4<<10 + 1, zeros, "Rejected TooLarge"},
		{"far over", 4*limit - 100, zeros, "Rejected TooLarge"},
	}
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	c := newEmbedded(t)
	echo := &recorder{answer: func(req executor.Request) conversation.Outcome {
		if n := len(req.Call.Objects[0].Properties); n < limit/2 {
			return conversation.Outcome{Kind: conversation.Failed, Code: schemas.Internal, Message: fmt.Sprintf("the properties have %d bytes", n)}
		}
		return conversation.Outcome{Results: make([]conversation.ObjectOutcome, 1)}
	}}
	c.start(echo, t.TempDir())
	want := make(map[string]string)
	events := 0
	for codec, compression := range codecs {
		client := c.newClient(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(compression), kgo.ProducerBatchMaxBytes(8<<20))
		for i, tt := range tests {
			id := fmt.Sprintf("%s-%d", codec, i)
			key := "acme/" + id
			r := &kgo.Record{Topic: c.topics.Calls, Partition: topics.Partition(key, partitions), Key: []byte(key), Value: []byte(callOf(id, tt.size, tt.fill))}
			if len(r.Value) != tt.size {
				t.Fatalf("made a call of %d bytes, not %d", len(r.Value), tt.size)
			}
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatalf("%s, %s: %v", codec, tt.name, err)
			}
			want[id+"-1"] = tt.want
			events++
			if tt.want == "OK" {
				events++ // of its conversation
			}
		}
	}
	got := c.events(events)
	once(t, got)
	for _, line := range calls(got) {
		id, status, _ := strings.Cut(line, " ")
		if status != want[id] {
			t.Errorf("%s ended %s, want %s", id, status, want[id])
		}
		delete(want, id)
	}
	if len(want) > 0 {
		t.Errorf("without an end: %v", want)
	}
}
