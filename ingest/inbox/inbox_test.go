package inbox

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/schemas"
)

// numbered is a call that can be told from others.
func numbered(n int) string {
	return fmt.Sprintf(`{"method":"Create","objects":[{"type":"Row","customerKey":"%d"}]}`, n)
}

// partOf is the first of two parts of a conversation, with a number.
func partOf(conversation string, n int) string {
	return fmt.Sprintf(`{"method":"Create","objects":[{"type":"Row","customerKey":"%d"}],"options":{"conversationId":%q,"sequenceCode":1,"callsInConversation":2}}`, n, conversation)
}

// keys are the customer keys of the calls that were forwarded, in the order in which they were read.
func (c *cluster) keys() []string {
	var out []string
	for _, r := range c.calls {
		out = append(out, called(c.t, r).Objects[0].CustomerKey)
	}
	return out
}

func TestTopicsAreFoundAsTheyAreMade(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "acme")
	c.put("acme", 0, numbered(1)) // before anybody reads
	m := c.start()
	c.await(1, 0)
	c.create(1, "other")
	for _, none := range []string{"parley.in", "parley.inn.acme", "parleyXinXacme", "x.parley.in.acme", "parley.in." + strings.Repeat("b", 65)} {
		if r, err := c.admin.CreateTopic(t.Context(), 1, 1, nil, none); err != nil || r.Err != nil {
			t.Fatal(none, err, r.Err)
		}
		if err := c.writer.ProduceSync(t.Context(), &kgo.Record{Topic: none, Value: []byte(numbered(9))}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	c.put("other", 0, numbered(2))
	c.put("other", 0, `{`)
	c.put("acme", 1, strings.Replace(numbered(3), "Create", "Make", 1))
	c.await(3, 1)
	var got []string
	for _, r := range c.calls {
		call := called(t, r)
		got = append(got, fmt.Sprintf("%s %s %s", call.Account, call.Objects[0].CustomerKey, header(r, schemas.HeaderRefusedCode)))
	}
	slices.Sort(got)
	if want := []string{"acme 1 ", "acme 3 UnknownMethod", "other 2 "}; !slices.Equal(got, want) {
		t.Errorf("forwarded are %q, want %q", got, want)
	}
	if d := c.dead[0]; header(d, "error-code") != "InvalidBody" || header(d, "source-topic") != "parley.in.other" || header(d, "source-offset") != "1" || string(d.Value) != "{" {
		t.Errorf("dead is %+v", d)
	}
	c.awaitCommitted("acme", 2)
	c.awaitCommitted("other", 2)
	for _, want := range []struct {
		became, topic string
		n             float64
	}{{"forwarded", "acme", 1}, {"rejected", "acme", 1}, {"forwarded", "other", 1}, {"dead", "other", 1}, {"dead", "acme", -1}} {
		if got := m.metric(t, "parley_inbox_records_total", want.became, "parley.in."+want.topic); got != want.n {
			t.Errorf("%s of %s: %v, want %v", want.became, want.topic, got, want.n)
		}
	}
}

// A process that dies between writing a call and committing its record leaves the same call behind a second time.
func TestDeathBeforeTheCommit(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "acme")
	var refusing atomic.Bool
	refusing.Store(true)
	refused := c.refuse(kmsg.OffsetCommit, func(req kmsg.Request) kmsg.Response {
		if !refusing.Load() {
			return nil
		}
		resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, rt := range req.(*kmsg.OffsetCommitRequest).Topics {
			topic := kmsg.NewOffsetCommitResponseTopic()
			topic.Topic, topic.TopicID = rt.Topic, rt.TopicID
			for _, rp := range rt.Partitions {
				partition := kmsg.NewOffsetCommitResponseTopicPartition()
				partition.Partition, partition.ErrorCode = rp.Partition, kerr.UnknownServerError.Code
				topic.Partitions = append(topic.Partitions, partition)
			}
			resp.Topics = append(resp.Topics, topic)
		}
		return resp
	})
	m := c.start()
	c.put("acme", 0, numbered(1))
	c.put("acme", 0, partOf("c", 2))
	c.put("acme", 0, strings.Replace(numbered(3), "Create", "Make", 1))
	c.await(3, 0)
	<-refused
	m.stop()

	refusing.Store(false)
	c.start()
	c.await(6, 0)
	times := make(map[string]int)
	for _, r := range c.calls {
		times[fmt.Sprintf("%s %s %x", called(t, r).RequestId, r.Key, r.Value)]++
	}
	if len(times) != 3 {
		t.Errorf("%d different records, want each of 3 twice", len(times))
	}
	c.awaitCommitted("acme", 3)
}

// The records of a topic that was deleted and made again are others, though they lie where the first ones did.
func TestTopicMadeAnew(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "acme")
	c.start()
	c.put("acme", 1, numbered(1))
	c.await(1, 0)
	c.awaitCommitted("acme", 1)
	if _, err := c.admin.DeleteTopic(t.Context(), "parley.in.acme"); err != nil {
		t.Fatal(err)
	}
	c.create(2, "acme")
	c.writer.PurgeTopicsFromClient("parley.in.acme")
	c.put("acme", 1, numbered(1))
	c.await(2, 0)
	if first, second := called(t, c.calls[0]).RequestId, called(t, c.calls[1]).RequestId; first == second {
		t.Errorf("two calls have the id %s", first)
	}
}

// Brokers that refuse are waited for. Nothing is lost, and nothing overtakes for good: the last time that calls of a
// conversation are in the log, they are in their order.
func TestCallsAreRefusedForAWhile(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]int16{
		"not enough replicas": kerr.NotEnoughReplicas.Code,
		"not authorized":      kerr.TopicAuthorizationFailed.Code,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, "acme")
			var refusals atomic.Int32
			refusals.Store(3)
			refused := c.refuse(kmsg.Produce, func(req kmsg.Request) kmsg.Response {
				resp := c.refusedProduce(req, code, func(topic string, _ []byte) bool { return topic != "" })
				if resp == nil || refusals.Add(-1) < 0 {
					return nil
				}
				return resp
			})
			m := c.start()
			const n = 50
			for i := range n {
				c.put("acme", 0, partOf("c", i))
			}
			<-refused
			last := func() []string {
				var out []string
				for _, key := range slices.Backward(c.keys()) {
					if !slices.Contains(out, key) {
						out = append(out, key)
					}
				}
				slices.Reverse(out)
				return out
			}
			c.until("all calls", func() bool { return len(last()) == n })
			for i, key := range last() {
				if key != fmt.Sprint(i) {
					t.Fatalf("the calls stand in the order %v", last())
				}
			}
			c.awaitCommitted("acme", n)
			if got := m.metric(t, "parley_inbox_records_total", "forwarded", "parley.in.acme"); got != n {
				t.Errorf("counted are %v, want %d", got, n)
			}
		})
	}
}

// While parley.calls takes nothing the lag grows, and no more than can be held is read.
func TestLag(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "acme")
	var away atomic.Bool
	away.Store(true)
	c.refuse(kmsg.Produce, func(req kmsg.Request) kmsg.Response {
		if !away.Load() {
			return nil
		}
		return c.refusedProduce(req, kerr.NotEnoughReplicas.Code, func(topic string, _ []byte) bool { return topic == "parley.calls" })
	})
	m := c.start()
	const n = 100
	for i := range n {
		c.put("acme", int32(i%2), numbered(i))
	}
	c.eventually("a lag of all records", func() bool { return m.metric(t, "parley_inbox_lag_records", "parley.in.acme") == n })
	away.Store(false)
	c.await(n, 0)
	c.eventually("no lag", func() bool { return m.metric(t, "parley_inbox_lag_records", "parley.in.acme") == 0 })
	m.stop()
	if got := m.metric(t, "parley_inbox_lag_records", "parley.in.acme"); got != -1 {
		t.Errorf("a process that has ended has a lag of %v", got)
	}
}

// A call that the topic does not take is told with a reason, and those around it are not lost.
func TestCallThatTheTopicDoesNotTake(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "acme")
	c.refuse(kmsg.Produce, func(req kmsg.Request) kmsg.Response {
		return c.refusedProduce(req, kerr.MessageTooLarge.Code, func(topic string, batch []byte) bool { return topic != "" && len(batch) > 100_000 })
	})
	random := rand.New(rand.NewPCG(1, 2))
	letters := make([]byte, 200_000)
	for i := range letters {
		letters[i] = byte('a' + random.IntN(26))
	}
	c.put("acme", 0, partOf("c", 1))
	c.put("acme", 0, strings.Replace(partOf("c", 2), `"type"`, `"properties":{"a":"`+string(letters)+`"},"type"`, 1))
	c.put("acme", 0, partOf("c", 3))
	c.start()
	c.await(2, 1)
	if got := header(c.dead[0], "error-code") + " " + header(c.dead[0], "source-offset"); got != "TooLarge 1" || len(c.dead[0].Value) > 0 {
		t.Errorf("dead is %s with %d bytes, want the reason alone", got, len(c.dead[0].Value))
	}
	c.awaitCommitted("acme", 3)
}

// fate is what must become of a record of TestEveryRecordBecomesOneThing.
type fate struct {
	value   string
	headers []string
	became  string
}

func randomRecord(random *rand.Rand, n int) fate {
	switch random.IntN(8) {
	case 0:
		return fate{value: fmt.Sprintf(`{"n":%d}`, n), became: "dead"}
	case 1:
		return fate{value: fmt.Sprint(n), headers: []string{"type", "tick"}, became: "dead"}
	case 2:
		return fate{value: with(`"account":"other"`, numbered(n)), became: "rejected"}
	case 3:
		return fate{value: strings.Replace(numbered(n), "Row", "Other", 1), became: "rejected"}
	case 4:
		return fate{value: fmt.Sprintf(`{"conversationId":"%d"}`, n), headers: []string{"type", "cancel"}, became: "forwarded"}
	case 5:
		return fate{value: partOf(fmt.Sprint(n), n), became: "forwarded"}
	}
	return fate{value: numbered(n), became: "forwarded"}
}

// Every record of a random mix becomes one thing, though the members of the group come and go, the brokers refuse now
// and then, and no commit is sure.
func TestEveryRecordBecomesOneThing(t *testing.T) {
	t.Parallel()
	accounts := []string{"a", "b", "c"}
	c := newCluster(t, accounts...)
	var requests atomic.Int64
	c.refuse(kmsg.Produce, func(req kmsg.Request) kmsg.Response {
		resp := c.refusedProduce(req, kerr.NotEnoughReplicas.Code, func(topic string, _ []byte) bool { return topic != "" })
		if resp == nil || requests.Add(1)%5 > 0 {
			return nil
		}
		return resp
	})
	random := rand.New(rand.NewPCG(1, 2))
	members := []*member{c.start(), c.start()}
	const n = 1_200
	want := make(map[string]string, n) // by what tells the record
	for i := range n {
		f := randomRecord(random, i)
		account := accounts[random.IntN(len(accounts))]
		c.put(account, int32(random.IntN(2)), f.value, f.headers...)
		want[account+" "+f.value] = f.became
		if i%300 == 299 {
			one := random.IntN(len(members))
			members[one].stop()
			members[one] = c.start()
		}
	}
	got := func() map[string]string {
		out := make(map[string]string)
		say := func(name, became string) {
			if was, known := out[name]; known && was != became {
				t.Fatalf("%s became %s and %s", name, was, became)
			}
			out[name] = became
		}
		digests := make(map[string]string, n)
		for name := range want {
			_, value, _ := strings.Cut(name, " ")
			sum := sha256.Sum256([]byte(value))
			account, _, _ := strings.Cut(name, " ")
			digests[account+" "+string(sum[:])] = name
		}
		for _, r := range c.calls {
			if header(r, schemas.HeaderType) == schemas.RecordCancel {
				account, conversation, _ := strings.Cut(string(r.Key), "/")
				say(fmt.Sprintf(`%s {"conversationId":"%s"}`, account, conversation), "forwarded")
				continue
			}
			call := called(t, r)
			became := "forwarded"
			if header(r, schemas.HeaderRefusedCode) != "" {
				became = "rejected"
			}
			say(digests[call.Account+" "+string(call.Digest)], became)
		}
		for _, r := range c.dead {
			say(strings.TrimPrefix(header(r, "source-topic"), "parley.in.")+" "+string(r.Value), "dead")
		}
		return out
	}
	c.until("all records", func() bool { return len(got()) >= n })
	for name, became := range got() {
		if want[name] != became {
			t.Errorf("%q became %s, want %q", name, became, want[name])
		}
	}
}

func TestConfigNamesEverythingThatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Interval: -1, Discover: 1})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"kafka:", "topics:", "partitions:", "group:", "routes and tokens:", "interval:", "discover:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
}

// A process can end while the brokers refuse, and another finds what it has not written.
func TestEndWhileCallsAreRefused(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "acme")
	var away atomic.Bool
	away.Store(true)
	refused := c.refuse(kmsg.Produce, func(req kmsg.Request) kmsg.Response {
		if !away.Load() {
			return nil
		}
		return c.refusedProduce(req, kerr.NotEnoughReplicas.Code, func(topic string, _ []byte) bool { return topic != "" })
	})
	m := c.start()
	const n = 500
	for i := range n {
		c.put("acme", int32(i%2), numbered(i))
	}
	for range 10 {
		<-refused
	}
	m.stop()
	away.Store(false)
	c.start()
	c.await(n, 0)
}
