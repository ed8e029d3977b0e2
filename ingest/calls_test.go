package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/topics"
	"parley/schemas"
)

const simpleCall = `{"method": "Create", "objects": [{"type": "Row", "correlationId": "a", "properties": {"x":  1}}]}`

// part is a call in its place in a conversation.
func part(conversation string, k, n int) string {
	return fmt.Sprintf(`{"method":"Create","objects":[{"type":"Row"}],"options":{"conversationId":%q,"sequenceCode":%d,"callsInConversation":%d}}`, conversation, k, n)
}

func TestAcknowledgedCallIsInTheLog(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 1, 8, 0, 0, 123_456_789, time.UTC)
	h := start(t, func(c *Config) { c.Now = func() time.Time { return at } })
	body := part("order/1234", 2, 3)
	r := h.post(t, body, "Parley-Account", "acme")
	a := r.accepted(t)

	record := h.log(t, 1)[0]
	partition := topics.Partition("acme/order/1234", partitions)
	digest := sha256.Sum256([]byte(body))
	id := schemas.PartRequestID("acme", "order/1234", 2, digest[:], partition)
	if string(record.Key) != "acme/order/1234" || record.Partition != partition {
		t.Errorf("key %q on partition %d, want acme/order/1234 on %d", record.Key, record.Partition, partition)
	}
	if len(record.Headers) != 1 || record.Headers[0].Key != "content-type" || string(record.Headers[0].Value) != "application/x-protobuf" {
		t.Errorf("headers %v", record.Headers)
	}
	want, p := schemas.DecodeCall([]byte(body))
	if p != nil {
		t.Fatal(p)
	}
	want.Account, want.RequestId, want.Digest = "acme", id.String(), digest[:]
	if got := callOf(t, record); !proto.Equal(got, want) {
		t.Errorf("queued %v\nwant   %v", got, want)
	}

	wantAck := Acknowledgment{
		RequestID:      id.String(),
		Receipt:        a.Receipt,
		Digest:         "sha-256=:" + base64.StdEncoding.EncodeToString(digest[:]) + ":",
		Status:         schemas.Queued,
		ConversationID: "order/1234",
		SequenceCode:   2,
		AcceptedAt:     at.Truncate(time.Millisecond),
	}
	if a != wantAck {
		t.Errorf("acknowledged %+v\nwant         %+v", a, wantAck)
	}
	rc, err := newReceipts(testSecret).read("acme", id, a.Receipt)
	if err != nil || rc.Position != (schemas.Position{Partition: partition, Offset: record.Offset}) || !rc.acceptedAt.Equal(wantAck.AcceptedAt) {
		t.Errorf("receipt %+v, %v", rc, err)
	}
	if got, want := r.header.Get("Location"), "/v1/requests/"+id.String()+"?receipt="+a.Receipt; got != want {
		t.Errorf("location %q, want %q", got, want)
	}
}

// The same bytes are the same call; the same part in other bytes is another request of the same conversation.
func TestIdentityOfAPart(t *testing.T) {
	t.Parallel()
	h := start(t)
	first := h.post(t, part("c", 1, 2)).accepted(t)
	again := h.post(t, part("c", 1, 2)).accepted(t)
	spaced := h.post(t, " "+part("c", 1, 2)).accepted(t)
	other := h.post(t, part("c", 1, 2), "Parley-Account", "other").accepted(t)
	if again.RequestID != first.RequestID {
		t.Errorf("a resend has the id %s, the first has %s", again.RequestID, first.RequestID)
	}
	if spaced.RequestID == first.RequestID || other.RequestID == first.RequestID {
		t.Error("another call has the same id")
	}
	if again.Receipt == first.Receipt {
		t.Error("a resend has the same place in the log")
	}
}

func TestIdentityByIdempotencyKey(t *testing.T) {
	t.Parallel()
	h := start(t)
	bare := h.post(t, simpleCall, "Idempotency-Key", "key-1").accepted(t)
	quoted := h.post(t, simpleCall, "Idempotency-Key", `"key-1"`).accepted(t)
	conflicting := h.post(t, " "+simpleCall, "Idempotency-Key", "key-1").accepted(t)
	if want := schemas.KeyedRequestID("default", "key-1", 0).String(); bare.RequestID != want || quoted.RequestID != want || conflicting.RequestID != want {
		t.Errorf("ids %s, %s, %s, want %s", bare.RequestID, quoted.RequestID, conflicting.RequestID, want)
	}
	for _, r := range h.log(t, 3) {
		if want := "default/" + bare.RequestID; string(r.Key) != want || r.Partition != topics.Partition(want, partitions) {
			t.Errorf("key %q on partition %d, want %q", r.Key, r.Partition, want)
		}
	}
	if a, b := h.post(t, simpleCall).accepted(t), h.post(t, simpleCall).accepted(t); a.RequestID == b.RequestID {
		t.Error("two calls without a key have the same id")
	}
	// A part has an identity already, which a resend without the key must find.
	keyed, plain := h.post(t, part("c", 1, 1), "Idempotency-Key", "key-2").accepted(t), h.post(t, part("c", 1, 1)).accepted(t)
	if keyed.RequestID != plain.RequestID {
		t.Errorf("a part has the id %s with a key, %s without", keyed.RequestID, plain.RequestID)
	}
}

func TestBadIdempotencyKey(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, key := range []string{" ", `""`, `"a`, `"a"b`, `"\a"`, "é", strings.Repeat("k", 256)} {
		if d := h.post(t, simpleCall, "Idempotency-Key", key).problem(t); d.Code != schemas.InvalidParameter || d.Status != 400 {
			t.Errorf("key %q: %+v", key, d)
		}
	}
	for _, key := range []string{`"\"\\"`, "a b", "~!#", strings.Repeat("k", 255), `a"b`} {
		h.post(t, simpleCall, "Idempotency-Key", key).accepted(t)
	}
}

func TestArray(t *testing.T) {
	t.Parallel()
	h := start(t)
	one, two := ` {"method": "Create", "objects": [{"type": "Row"}] } `, part("c", 1, 2)
	r := h.post(t, "\n["+one+`, {"method": "create"} ,`+two+`, 5, {"method": "Create", "method": "Create"}, {"x": "`+"\xff"+`"}]`+"\n", "Idempotency-Key", "k")
	if r.status != http.StatusAccepted {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	var got struct {
		Accepted, Rejected int
		Calls              []struct {
			RequestID, Digest string
			Code              schemas.Code
		}
	}
	if err := json.Unmarshal(r.body, &got, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	if got.Accepted != 2 || got.Rejected != 4 || len(got.Calls) != 6 {
		t.Fatalf("answer %s", r.body)
	}
	for i, want := range []schemas.Code{1: schemas.UnknownMethod, 3: schemas.InvalidBody, 4: schemas.InvalidBody, 5: schemas.InvalidBody} {
		if got.Calls[i].Code != want || (want == "") == (got.Calls[i].RequestID == "") {
			t.Errorf("call %d: %+v", i, got.Calls[i])
		}
	}
	if want := schemas.KeyedRequestID("default", "k", 0).String(); got.Calls[0].RequestID != want {
		t.Errorf("call 0 has the id %s, want %s", got.Calls[0].RequestID, want)
	}
	for i, bytes := range map[int]string{0: strings.TrimSpace(one), 2: two} {
		digest := sha256.Sum256([]byte(bytes))
		if want := "sha-256=:" + base64.StdEncoding.EncodeToString(digest[:]) + ":"; got.Calls[i].Digest != want {
			t.Errorf("call %d has the digest %s, want that of its own bytes, %s", i, got.Calls[i].Digest, want)
		}
	}
	h.log(t, 2)
}

func TestNDJSON(t *testing.T) {
	t.Parallel()
	h := start(t)
	r := h.post(t, part("c", 1, 2)+"\r\n\n{oops\n \t\n"+part("c", 2, 2), "Content-Type", "application/x-ndjson; charset=utf-8")
	if r.status != http.StatusAccepted || r.header.Get("Content-Type") != mimeNDJSON {
		t.Fatalf("status %d, %v: %s", r.status, r.header, r.body)
	}
	lines := bytes.Split(bytes.TrimSuffix(r.body, []byte("\n")), []byte("\n"))
	if len(lines) != 3 {
		t.Fatalf("%d lines: %s", len(lines), r.body)
	}
	var first, last Acknowledgment
	var bad document
	reply{body: lines[0]}.decode(t, &first)
	reply{body: lines[1]}.decode(t, &bad)
	reply{body: lines[2]}.decode(t, &last)
	if first.SequenceCode != 1 || bad.Code != schemas.InvalidBody || last.SequenceCode != 2 {
		t.Errorf("answer %s", r.body)
	}
	digest := sha256.Sum256([]byte(part("c", 1, 2)))
	if want := "sha-256=:" + base64.StdEncoding.EncodeToString(digest[:]) + ":"; first.Digest != want {
		t.Errorf("digest %s, want that of the line without its end, %s", first.Digest, want)
	}
	// The order of the body is the order of the log.
	records := h.log(t, 2)
	if a, b := callOf(t, records[0]), callOf(t, records[1]); a.Options.GetSequenceCode() != 1 || b.Options.GetSequenceCode() != 2 {
		t.Errorf("queued %v, then %v", a, b)
	}
}

func TestNoneAcceptedIs400(t *testing.T) {
	t.Parallel()
	h := start(t)
	for media, body := range map[string]string{mimeJSON: `[{"method": "x"}, 5]`, mimeNDJSON: "{}\n5\n"} {
		r := h.post(t, body, "Content-Type", media)
		if r.status != http.StatusBadRequest || r.header.Get("Content-Type") != media || !bytes.Contains(r.body, []byte("UnknownMethod")) {
			t.Errorf("status %d, %s: %s", r.status, r.header.Get("Content-Type"), r.body)
		}
	}
	h.log(t, 0)
}

func TestMediaTypeMayBeAbsent(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.post(t, simpleCall, "Content-Type", "").accepted(t)
	h.post(t, simpleCall, "Content-Type", mimeForm).accepted(t)
	if r := h.post(t, "["+simpleCall+"]", "Content-Type", "Application/JSON; charset=utf-8"); r.status != http.StatusAccepted {
		t.Errorf("status %d: %s", r.status, r.body)
	}
}

func TestFullestRequestIsAccepted(t *testing.T) {
	t.Parallel()
	h := start(t)
	const calls = 10_000
	r := h.post(t, strings.Repeat(simpleCall+"\n", calls), "Content-Type", mimeNDJSON)
	if r.status != http.StatusAccepted || bytes.Count(r.body, []byte(`"status":"Queued"`)) != calls {
		t.Fatalf("status %d: %.1000s", r.status, r.body)
	}
	if n := h.logEnd(t); n != calls {
		t.Errorf("%d records, want %d", n, calls)
	}
}

func TestLargestCallIsAccepted(t *testing.T) {
	t.Parallel()
	h := start(t)
	const head, tail = `{"method":"Create","objects":[{"type":"Row","properties":{"x":"`, `"}}]}`
	body := head + strings.Repeat("x", schemas.DefaultLimits().CallBytesMax-len(head)-len(tail)) + tail
	h.post(t, body, "Parley-Account", strings.Repeat("a", 64)).accepted(t)
	if r := h.log(t, 1)[0]; len(r.Key)+len(r.Value) > RecordBytesMax(schemas.DefaultLimits()) {
		t.Errorf("a record of %d bytes", len(r.Value))
	}
	if d := h.post(t, body+" ").problem(t); d.Code != schemas.TooLarge {
		t.Errorf("one byte more: %+v", d)
	}
}

// A client that hangs up does not fail the calls of others: kgo fails whole batches by their first context.
func TestProduceOutlivesItsRequest(t *testing.T) {
	t.Parallel()
	h := start(t)
	ctx, cancel := contextDone()
	defer cancel()
	record := &kgo.Record{Topic: testTopics.Calls, Partition: 1, Value: []byte("x")}
	fates := h.server.producer.produce(ctx, []*kgo.Record{record}, h.server.budget.lease())
	if len(fates) != 1 || !fates[0].acknowledged() {
		t.Errorf("fates %+v", fates)
	}
}

// The receipt of a keyed call says what was asked for, so that its poll can tell whether that is what stands.
func TestReceiptOfAKeyedCallHasItsContent(t *testing.T) {
	t.Parallel()
	h := start(t)
	contents := func(body string, header ...string) []uint64 {
		t.Helper()
		r := h.post(t, body, header...)
		var acks struct {
			Calls []Acknowledgment `json:"calls"`
		}
		if r.decode(t, &acks); acks.Calls == nil {
			acks.Calls = []Acknowledgment{r.accepted(t)}
		}
		var out []uint64
		for _, a := range acks.Calls {
			rc, err := h.server.receipts.read(defaultAccount, mustParse(t, a.RequestID), a.Receipt)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, rc.content)
		}
		return out
	}
	const row, reordered, other = `{"method":"Create","objects":[{"type":"Row","properties":{"a":1,"b":2}}]}`,
		`{"objects": [{"properties": {"b": 2, "a": 1e0}, "type": "\u0052ow"}], "method": "Create"}`,
		`{"method":"Create","objects":[{"type":"Row","properties":{"a":1,"b":3}}]}`
	keyed := contents(row, "Idempotency-Key", "k")[0]
	if keyed == 0 || contents(reordered, "Idempotency-Key", "k")[0] != keyed || contents(other, "Idempotency-Key", "k")[0] == keyed {
		t.Error("what is equal has another content, or what is not has the same")
	}
	if c := contents(row)[0]; c != 0 {
		t.Errorf("without a key the content is %x", c)
	}
	if c := contents(part("c", 1, 1), "Idempotency-Key", "k")[0]; c != 0 {
		t.Errorf("of a part the content is %x: its place identifies it", c)
	}
	if got := contents("["+other+","+row+"]", "Idempotency-Key", "k2"); len(got) != 2 || got[0] == 0 || got[0] == got[1] || got[1] != keyed {
		t.Errorf("contents of an array: %x", got)
	}
}

// A poll with a receipt asks with the content in it, of whoever knows.
func TestPollAsksWithTheContent(t *testing.T) {
	t.Parallel()
	h := start(t)
	a := h.post(t, simpleCall, "Idempotency-Key", "k").accepted(t)
	conflicting := schemas.CallResource{RequestID: a.RequestID, Account: defaultAccount, SequenceCode: 1, CallsInConversation: 1, Status: schemas.OK, Conflicting: true}
	rc, err := h.server.receipts.read(defaultAccount, mustParse(t, a.RequestID), a.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	h.record.tell(func(f *fakeSource) { f.call, f.err = conflicting, nil })
	for _, path := range []string{a.location(), a.location() + "&wait=1s"} {
		if r := h.get(t, path); r.status != http.StatusOK || !bytes.Contains(r.body, []byte(`"conflicting":true`)) {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	h.live.tell(func(f *fakeSource) { f.call, f.err = conflicting, nil })
	if r := h.post(t, simpleCall, "Idempotency-Key", "k", "Prefer", "wait=5"); r.status != http.StatusOK || !bytes.Contains(r.body, []byte(`"conflicting":true`)) {
		t.Errorf("waited for: %d %s", r.status, r.body)
	}
	live, _ := h.live.asked()
	recorded, _ := h.record.asked()
	for _, q := range append(live, recorded...) {
		if q.Content != rc.content || q.Content == 0 {
			t.Errorf("asked %+v, want the content %x", q, rc.content)
		}
	}
}

// Whoever finds it out, the length of an answer is said before it.
func TestAnswersSayTheirLength(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, body := range []string{
		simpleCall, // a short answer
		"[" + strings.Repeat(simpleCall+",", 20) + simpleCall + "]", // a long one
		"{",
	} {
		r := h.post(t, body)
		if got := r.header.Get("Content-Length"); got != strconv.Itoa(len(r.body)) {
			t.Errorf("status %d: Content-Length %q of %d bytes", r.status, got, len(r.body))
		}
	}
}
