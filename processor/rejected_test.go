package processor_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/route"
	"parley/internal/topics"
	"parley/processor"
	"parley/schemas"
)

// rejections are calls that a record alone shows to be wrong, by the code of their result; $ stands for a name of their
// own. DESIGN section 3, Acceptance 5.
var rejections = map[schemas.Code]string{
	schemas.UnknownMethod:                 `"method":"Make","objects":[{"type":"Row"}]`,
	schemas.NoObjects:                     `"method":"Create","objects":[]`,
	schemas.ObjectTypeRequired:            `"method":"Create","objects":[{"type":"Row"},{}]`,
	schemas.DuplicateCorrelationID:        `"method":"Create","objects":[{"type":"Row","correlationId":"a"},{"type":"Row","correlationId":"a"}]`,
	schemas.ConversationIDRequired:        `"method":"Create","objects":[{"type":"Row"}],"options":{"sequenceCode":1,"callsInConversation":1}`,
	schemas.SequenceCodeRequired:          `"method":"Create","objects":[{"type":"Row"}],"options":{"conversationId":"$","callsInConversation":2}`,
	schemas.SequenceCodeOutOfRange:        `"method":"Create","objects":[{"type":"Row"}],"options":{"conversationId":"$","sequenceCode":0,"callsInConversation":2}`,
	schemas.CallsInConversationRequired:   `"method":"Create","objects":[{"type":"Row"}],"options":{"conversationId":"$","sequenceCode":2}`,
	schemas.CallsInConversationOutOfRange: `"method":"Create","objects":[{"type":"Row"}],"options":{"conversationId":"$","sequenceCode":1,"callsInConversation":10001}`,
	schemas.SynchronousConversation:       `"method":"Create","objects":[{"type":"Row"}],"options":{"conversationId":"$","requestType":"Synchronous"}`,
	schemas.ResponseTypeReserved:          `"method":"Create","objects":[{"type":"Row"}],"options":{"sendResponseTo":[{"responseType":"FTP"}]}`,
	schemas.InvalidResponseAddress:        `"method":"Create","objects":[{"type":"Row"}],"options":{"sendResponseTo":[{"responseType":"HTTPPost","responseAddress":"x"}]}`,
	schemas.RouteNotFound:                 `"method":"Create","objects":[{"type":"Elsewhere"}]`,
	schemas.MixedRoutes:                   `"method":"Create","objects":[{"type":"Row"},{"type":"Other"}]`,
	schemas.TooManyObjects:                `"method":"Create","objects":[` + strings.Repeat(`{"type":"Row"},`, 1000) + `{"type":"Row"}]`,
	schemas.ScheduledTooFar:               `"method":"Create","objects":[{"type":"Row"}],"options":{"conversationId":"$","scheduledTime":"2999-01-01T00:00:00Z"}`,
	schemas.InvalidParameter:              `"method":"Create","action":"start","objects":[{"type":"Row"}]`,
	schemas.InvalidBody:                   `"method":"Create","objects":[{"type":"Row","properties":[]}]`,
	schemas.TooLarge:                      `"method":"Create","objects":[{"type":"Row","properties":{"a":"` + strings.Repeat("x", 1<<20+4<<10) + `"}}]`,
}

// twoRoutes take Row and Other apart, and nothing else.
const twoRoutes = `routes:
- {name: rows, match: {objectType: Row}, executor: {type: http, url: "http://127.0.0.1:1"}}
- {name: others, match: {objectType: Other}, executor: {type: http, url: "http://127.0.0.1:1"}}`

// Whatever is wrong with a call that can be identified, who sent it straight to Kafka finds a result with the code, under
// the id that the call was given, or that is derived from its value, in JSON and in protobuf.
func TestEveryRejectionIsAResult(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	table, err := route.Parse([]byte(twoRoutes))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := c.start(new(recorder), t.TempDir(), func(cfg *processor.Config) { cfg.Routes = route.NewCurrent(table) })
	client := c.newClient(kgo.ProducerBatchMaxBytes(8 << 20))
	want := make(map[uuid.UUID]schemas.Code)
	for code, members := range rejections {
		for _, contentType := range []string{schemas.ContentJSON, schemas.ContentProtobuf} {
			given := uuid.Must(uuid.NewV7())
			value := `{"account":"acme",` + strings.ReplaceAll(members, "$", given.String()) + `}`
			if !strings.Contains(members, "$") {
				value = fmt.Sprintf(`{"requestId":%q,%s`, given, value[1:])
			}
			id, r := rejected(t, c, contentType, value)
			want[id] = code
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatalf("%s: %v", code, err)
			}
		}
	}
	if len(want) != 2*len(rejections) {
		t.Fatalf("%d ids of %d calls", len(want), 2*len(rejections))
	}
	for id, code := range want {
		r := polled(t, p, id)
		if r.Status != schemas.Rejected || r.ErrorCode != code || r.Message == "" {
			t.Errorf("request %s: %s %s %q, want Rejected %s", id, r.Status, r.ErrorCode, r.Message, code)
		}
	}
}

// rejected is the record of a call, given as JSON, in an encoding, and the id that its sender can poll.
func rejected(t *testing.T, c *cluster, contentType, value string) (uuid.UUID, *kgo.Record) {
	t.Helper()
	call, problem := schemas.DecodeCall([]byte(value))
	if problem != nil {
		t.Fatal(problem)
	}
	encoded := []byte(value)
	if contentType == schemas.ContentProtobuf {
		var err error
		if encoded, err = proto.Marshal(call); err != nil {
			t.Fatal(err)
		}
	}
	digest := sha256.Sum256(encoded)
	call.Digest = digest[:]
	id, err := uuid.Parse(call.RequestId)
	if err != nil {
		id = topics.PartRequestID(call, partitions)
	}
	return id, &kgo.Record{
		Topic:   c.topics.Calls,
		Key:     []byte(schemas.RecordKey("acme", call.GetOptions().GetConversationId(), id)),
		Value:   encoded,
		Headers: []kgo.RecordHeader{{Key: schemas.HeaderContentType, Value: []byte(contentType)}},
	}
}

// polled polls a call until it has ended.
func polled(t *testing.T, p *processor.Processor, id uuid.UUID) (r schemas.CallResource) {
	t.Helper()
	var err error
	if !within(20*time.Second, func() bool {
		r, err = p.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: id})
		return err == nil && r.Status.Final()
	}) {
		t.Fatalf("request %s: %+v, %v", id, r, err)
	}
	return r
}

// A call that was refused on its way to parley.calls is Rejected, with the reason that it was refused for.
func TestCallRefusedOnItsWayIsRejected(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.start(new(recorder), t.TempDir())
	r := kgo.Record{
		Partition: topics.Partition("acme/c", partitions),
		Value:     []byte(part("c", 1, 1)),
		Headers: []kgo.RecordHeader{
			{Key: schemas.HeaderRefusedCode, Value: []byte(schemas.InvalidParameter)},
			{Key: schemas.HeaderRefusedDetail, Value: []byte("at /account: no")},
		},
	}
	for range 2 {
		again := r
		c.put(&again)
	}
	c.send("acme/c", part("c", 1, 1)) // the same bytes: its resend
	c.send("acme/c", strings.ReplaceAll(part("c", 1, 1), `:`, ` : `))
	if r := await(t, p, "c"); r.Status != schemas.ConversationComplete {
		t.Errorf("conversation: %+v, want Complete", r)
	}
	events := c.events(3)
	if got, want := calls(events), []string{"c-1 Rejected InvalidParameter", "c-1 OK"}; !slices.Equal(got, want) || events[0].GetCall().GetMessage() != "at /account: no" {
		t.Errorf("events %q with the message %q, want %q", got, events[0].GetCall().GetMessage(), want)
	}
}

// An answer that comes from the topic of an account is to its own calls alone, whatever token it has got hold of.
func TestAnswerOfAnAccount(t *testing.T) {
	t.Parallel()
	for _, single := range []bool{false, true} {
		t.Run(fmt.Sprintf("single %t", single), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := &backend{answer: deferring("c-1")}
			p, _ := c.start(x, t.TempDir())
			id, name := uuid.Must(uuid.NewV7()), "c"
			if single {
				name = id.String()
				c.send("acme/"+name, fmt.Sprintf(`{"account":"acme","requestId":%q,"method":"Create","objects":[{"type":"Row","correlationId":"c-1"}]}`, id))
			} else {
				c.send("acme/c", part("c", 1, 1))
			}
			token := x.await(t, 1)[0].Token
			of := func(account string) {
				r := c.answerRecord(refusal(token))
				r.Key = []byte(account + "/" + name)
				r.Headers = append(r.Headers, kgo.RecordHeader{Key: schemas.HeaderAccount, Value: []byte(account)})
				c.put(r)
			}
			of("other")
			of("acm")
			of("acme")
			if r := await(t, p, name); r.Calls[0].ErrorCode != "TooLateInTheDay" {
				t.Errorf("conversation: %+v, want it as it was answered", r)
			}
			dead := c.read(c.topics.Dead)
			for _, d := range dead {
				if got := header(d, schemas.HeaderErrorCode); got != string(schemas.Forbidden) {
					t.Errorf("dead is an answer with the code %s", got)
				}
			}
			if len(dead) != 2 {
				t.Errorf("%d answers are dead, want 2", len(dead))
			}
		})
	}
}
