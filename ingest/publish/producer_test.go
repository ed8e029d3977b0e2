package publish_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/ingest/publish"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// patience bounds the wait for something that must come.
const patience = 30 * time.Second

// partitions are those of the topic of calls.
const partitions = 8

func client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(append(publish.Options(), kgo.SeedBrokers(brokers...)), opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// row is a call about a Row; options say more of it.
func row(options ...func(*parleyv1.Call)) *parleyv1.Call {
	call := &parleyv1.Call{Account: "acme", Method: "Create", Objects: []*parleyv1.Object{{Type: "Row", CustomerKey: "k", Properties: []byte(`{"a": 1}`)}}}
	for _, f := range options {
		f(call)
	}
	return call
}

func of(conversation string, sequenceCode, calls int32) func(*parleyv1.Call) {
	return func(call *parleyv1.Call) {
		call.Options = &parleyv1.Options{ConversationId: &conversation, SequenceCode: &sequenceCode, CallsInConversation: &calls}
	}
}

// eventually polls until the answer is the expected one: a call from the topic of an account is known a moment later, and
// until then ClickHouse, which is away, would have to tell.
func eventually(t *testing.T, id uuid.UUID, want string) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		got := poll(id.String())
		if got == want {
			return
		}
		if got != "503 Service Unavailable" || time.Now().After(deadline) {
			t.Errorf("request %s: %s, want %s", id, got, want)
			return
		}
	}
}

// Whatever a call is, wherever and however it is written: its message says the id under which it can be polled.
func TestMessageSaysWhatToPoll(t *testing.T) {
	t.Parallel()
	for _, inbox := range []string{"", "acme"} {
		for _, json := range []bool{false, true} {
			t.Run(fmt.Sprintf("inbox %q, JSON %t", inbox, json), func(t *testing.T) {
				t.Parallel()
				producer := publish.Producer{Partitions: partitions, Inbox: inbox, JSON: json}
				c := client(t)
				send := func(call *parleyv1.Call) publish.Message {
					t.Helper()
					m, err := producer.Message(call)
					if err != nil {
						t.Fatal(err)
					}
					if err := c.ProduceSync(t.Context(), m.Record).FirstErr(); err != nil {
						t.Fatal(err)
					}
					return m
				}
				conversation := fmt.Sprintf("messages/%s/%t", inbox, json)
				second, first := send(row(of(conversation, 2, 2))), send(row(of(conversation, 1, 2)))
				eventually(t, first.RequestID, "OK k")
				eventually(t, second.RequestID, "OK k")

				named := row(func(call *parleyv1.Call) { call.RequestId = uuid.NewString() })
				before := send(named)
				if again := send(named); again.RequestID != before.RequestID {
					t.Errorf("a call with an id of its own is %s, and then %s", before.RequestID, again.RequestID)
				}
				eventually(t, before.RequestID, "OK k")
				if a, b := send(row()), send(row()); a.RequestID == b.RequestID {
					t.Errorf("two calls are both %s", a.RequestID)
				} else {
					eventually(t, a.RequestID, "OK k")
					eventually(t, b.RequestID, "OK k")
				}
				eventually(t, send(row(func(call *parleyv1.Call) { call.Method = "Make" })).RequestID, "Rejected k UnknownMethod")
				eventually(t, send(row(of(conversation, 0, 2))).RequestID, "Rejected k ConversationIdUsed")
			})
		}
	}
}

// Producers of other kinds place records otherwise. Each conversation is carried out as if they had not.
func TestOtherPartitioners(t *testing.T) {
	t.Parallel()
	crc := kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
		return func(r *kgo.Record, n int) int { return int(crc32.ChecksumIEEE(r.Key) % uint32(n)) }
	})
	sarama := kgo.StickyKeyPartitioner(kgo.SaramaHasher(func(b []byte) uint32 {
		h := fnv.New32a()
		_, _ = h.Write(b) // it returns no error
		return h.Sum32()
	}))
	tests := map[string]struct {
		partitioner kgo.Partitioner
		keyless     bool
	}{
		"librdkafka":           {crc, false},
		"sarama":               {sarama, false},
		"round robin":          {kgo.RoundRobinPartitioner(), false},
		"sticky, without keys": {kgo.StickyPartitioner(), true},
		"uniform bytes":        {kgo.UniformBytesPartitioner(1, true, false, nil), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			producer := publish.Producer{Partitions: partitions}
			c := client(t, kgo.RecordPartitioner(tt.partitioner))
			for n := range 5 {
				conversation := fmt.Sprintf("partitioners/%s/%d", name, n)
				for _, sequenceCode := range []int32{3, 1, 2} {
					m, err := producer.Message(row(of(conversation, sequenceCode, 3)))
					if err != nil {
						t.Fatal(err)
					}
					if tt.keyless {
						m.Record.Key = nil
					}
					if err := c.ProduceSync(t.Context(), m.Record).FirstErr(); err != nil {
						t.Fatal(err)
					}
				}
				complete(t, conversation)
			}
		})
	}
}

// complete waits until a conversation is Complete. Its calls may have to be forwarded first.
func complete(t *testing.T, conversation string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/conversations/"+strings.NewReplacer("/", "%2F", " ", "%20").Replace(conversation)+"?wait=5s", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Parley-Account", "acme")
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(body), `"status":"Complete"`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("conversation %s: %s", conversation, body)
		}
	}
}

func TestMessageRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		producer publish.Producer
		call     *parleyv1.Call
		code     schemas.Code
	}{
		{"no account", publish.Producer{Partitions: 1}, row(func(c *parleyv1.Call) { c.Account = "" }), schemas.InvalidParameter},
		{"another account", publish.Producer{Partitions: 1, Inbox: "other"}, row(), schemas.InvalidParameter},
		{"a request id that is none", publish.Producer{Partitions: 1}, row(func(c *parleyv1.Call) { c.RequestId = "7" }), schemas.InvalidParameter},
		{"a request id for a part", publish.Producer{Partitions: 1}, row(of("c", 1, 1), func(c *parleyv1.Call) { c.RequestId = uuid.NewString() }), schemas.InvalidParameter},
		{"no partitions", publish.Producer{}, row(), ""},
		{"properties that are no JSON", publish.Producer{Partitions: 1, JSON: true}, row(func(c *parleyv1.Call) { c.Objects[0].Properties = []byte("{") }), ""},
	}
	for _, tt := range tests {
		_, err := tt.producer.Message(tt.call)
		p, ok := errors.AsType[*schemas.Problem](err)
		if err == nil || ok != (tt.code != "") || ok && p.Code != tt.code {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.code)
		}
	}
}

func TestPartitions(t *testing.T) {
	t.Parallel()
	if n, err := publish.Partitions(t.Context(), client(t), ""); err != nil || n != partitions {
		t.Errorf("%d partitions, %v, want %d", n, err, partitions)
	}
	if n, err := publish.Partitions(t.Context(), client(t), "nobody"); err == nil {
		t.Errorf("%d partitions of a topic that is not there", n)
	}
}
