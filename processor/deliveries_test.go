package processor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/topics"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/notify"
	"parley/schemas"
)

// receiver takes notifications down, and answers them as it is told.
type receiver struct {
	// verdict says what comes of an attempt; nil: it is taken.
	verdict func(*notify.Notification) notify.Verdict

	mu  sync.Mutex
	all []notify.Notification
}

func (r *receiver) send(_ context.Context, n *notify.Notification) notify.Verdict {
	r.mu.Lock()
	r.all = append(r.all, *n)
	r.mu.Unlock()
	if r.verdict != nil {
		return r.verdict(n)
	}
	return notify.Verdict{Kind: notify.Taken}
}

// posted has a processor tell a receiver what is to be told by HTTPPost.
func (r *receiver) posted(cfg *processor.Config) {
	cfg.Senders = map[string]notify.Sender{schemas.ResponseHTTPPost: r.send}
}

func (r *receiver) came() []notify.Notification {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// await returns the notifications of the first n attempts.
func (r *receiver) await(t *testing.T, n int) []notify.Notification {
	t.Helper()
	if !within(patience, func() bool { return len(r.came()) >= n }) {
		t.Fatalf("%d attempts, want %d", len(r.came()), n)
	}
	return r.came()
}

// target is a member of sendResponseTo, of a receiver with that host.
func target(host string, when schemas.RespondWhen, more string) string {
	return fmt.Sprintf(`{"responseType":"HTTPPost","responseAddress":"https://%s/hook","respondWhen":%q%s}`, host, when, more)
}

// toldPart is a part of a conversation that names targets.
func toldPart(conversation string, seq, of int, targets ...string) string {
	return strings.Replace(part(conversation, seq, of), `"options":{`, `"options":{"sendResponseTo":[`+strings.Join(targets, ",")+`],`, 1)
}

// conditions are all that a target can name.
var conditions = []schemas.RespondWhen{
	schemas.RespondNever, schemas.RespondOnError, schemas.RespondAlways,
	schemas.RespondOnConversationError, schemas.RespondOnConversationComplete, schemas.RespondOnCallComplete,
}

// everyCondition names a receiver for each, by its name.
func everyCondition() []string {
	var out []string
	for _, c := range conditions {
		out = append(out, target(strings.ToLower(string(c)), c, ""))
	}
	return out
}

// What each receiver is told of each conversation, whose parts name one receiver for each condition. A line: the receiver
// (they are named like their condition), and in the order of the log, what it is told.
var tellingsOf = map[string]string{
	"well": `
		always: call.completed 1 OK, call.completed 2 OK
		onconversationcomplete: conversation.completed Complete
		oncallcomplete: call.completed 1 OK, call.completed 2 OK`,
	"failed": `
		onerror: call.failed 1 Error
		always: call.failed 1 Error, call.failed 2 NotProcessed
		onconversationerror: conversation.failed Error
		onconversationcomplete: conversation.failed Error
		oncallcomplete: call.failed 1 Error, call.failed 2 NotProcessed`,
	"partly": `
		onerror: call.completed 1 HasErrors
		always: call.completed 1 HasErrors, call.failed 2 NotProcessed
		onconversationerror: conversation.failed Error
		onconversationcomplete: conversation.failed Error
		oncallcomplete: call.completed 1 HasErrors, call.failed 2 NotProcessed`,
	"contradicted": `
		always: call.failed 1 Rejected, call.failed 1 NotProcessed
		onconversationerror: conversation.failed Error
		onconversationcomplete: conversation.failed Error
		oncallcomplete: call.failed 1 Rejected, call.failed 1 NotProcessed`,
	"late": `
		always: call.failed 1 Expired
		onconversationerror: conversation.failed Expired
		onconversationcomplete: conversation.failed Expired
		oncallcomplete: call.failed 1 Expired`,
}

func TestWhoIsToldOfWhat(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	told := new(receiver)
	x := &backend{answer: func(req executor.Request) conversation.Outcome {
		switch nameOf(req) {
		case "failed-1":
			return conversation.Outcome{Kind: conversation.Failed, Code: "NoSuchRow", Message: "no"}
		case "partly-1":
			return conversation.Outcome{Results: []conversation.ObjectOutcome{{Failed: true, Code: "NoSuchRow"}, {}}}
		}
		return well(req)
	}}
	p, _ := c.start(x, t.TempDir(), told.posted)
	for _, id := range []string{"well", "failed", "partly"} {
		for k := range 2 {
			call := toldPart(id, k+1, 2, everyCondition()...)
			if id == "partly" {
				call = strings.Replace(call, `"objects":[`, `"objects":[{"type":"Row"},`, 1)
				call = strings.Replace(call, `{"type":"Row"},{"type":"Row","correlationId":"partly-1"}`, `{"type":"Row","correlationId":"partly-1"},{"type":"Row"}`, 1)
			}
			c.send("acme/"+id, call)
		}
	}
	c.send("acme/contradicted", toldPart("contradicted", 1, 2, everyCondition()...))
	c.send("acme/contradicted", strings.Replace(toldPart("contradicted", 1, 2, everyCondition()...), "Create", "Update", 1))
	c.send("acme/late", strings.Replace(toldPart("late", 1, 1, everyCondition()...), `"options":{`, `"options":{"startBy":"2026-01-01T00:00:00Z",`, 1))
	for id := range tellingsOf {
		await(t, p, id)
	}
	want := 0
	for id := range tellingsOf {
		want += strings.Count(tellingsOf[id], "call.") + strings.Count(tellingsOf[id], "conversation.")
	}
	told.await(t, want)
	got := make(map[string]map[string][]notify.Notification)
	for _, n := range told.came() {
		id, by := conversationOf(n), strings.TrimSuffix(strings.TrimPrefix(n.Target.ResponseAddress, "https://"), "/hook")
		if got[id] == nil {
			got[id] = make(map[string][]notify.Notification)
		}
		got[id][by] = append(got[id][by], n)
	}
	for id, want := range tellingsOf {
		var lines []string
		for _, when := range conditions {
			by := strings.ToLower(string(when))
			if said := got[id][by]; len(said) > 0 {
				lines = append(lines, by+": "+inWords(said))
			}
		}
		if got := strings.Join(lines, "\n"); got != strings.ReplaceAll(strings.TrimSpace(want), "\n\t\t", "\n") {
			t.Errorf("of %s were told\n%s\nwant%s", id, got, want)
		}
	}
}

func conversationOf(n notify.Notification) string {
	if n.Call != nil {
		return n.Call.ConversationID
	}
	return n.Conversation.ConversationID
}

// inWords says what was told, in the order of the log.
func inWords(said []notify.Notification) string {
	slices.SortFunc(said, func(a, b notify.Notification) int {
		_, first := placeOf(a.Sequence)
		_, second := placeOf(b.Sequence)
		return int(first - second)
	})
	var words []string
	for _, n := range said {
		if n.Call != nil {
			words = append(words, fmt.Sprintf("%s %d %s", n.Type, n.Call.SequenceCode, n.Call.Status))
		} else {
			words = append(words, fmt.Sprintf("%s %s", n.Type, n.Conversation.Status))
		}
	}
	return strings.Join(words, ", ")
}

// An end is told to so many at the most. The others are not silently left out: what became of each is recorded, and shown.
func TestTooManyReceivers(t *testing.T) {
	t.Parallel()
	const parts, each, most = 14, 8, 100
	c := newCluster(t)
	told := new(receiver)
	p, _ := c.start(new(recorder), t.TempDir(), told.posted)
	for k := range parts {
		var targets []string
		for i := range each {
			targets = append(targets, target(fmt.Sprintf("r%d", k*each+i), schemas.RespondOnConversationComplete, ""))
		}
		c.send("acme/crowd", toldPart("crowd", k+1, parts, targets...))
	}
	var r schemas.ConversationResource
	count := make(map[schemas.DeliveryStatus]int)
	if !within(patience, func() bool {
		r = await(t, p, "crowd")
		clear(count)
		for _, d := range r.Deliveries {
			count[d.Status]++
		}
		return count[schemas.Delivered] == most
	}) || count[schemas.Undelivered] != parts*each-most || len(r.Deliveries) != parts*each {
		t.Errorf("deliveries: %v, want %d Delivered of %d, and the others Undelivered", count, most, parts*each)
	}
	for _, d := range r.Deliveries {
		refused := d.Status == schemas.Undelivered
		if late := d.ResponseAddress >= "https://r100/" && len(d.ResponseAddress) == len("https://r100/hook"); refused != late || refused && (d.ErrorCode != schemas.TooManyReceivers || d.Attempts != 0 || d.Message == "") {
			t.Errorf("delivery: %+v", d)
		}
	}
	if n := len(told.came()); n != most {
		t.Errorf("%d were told, want %d", n, most)
	}
}

// Who has not been told of an end yet is known by its place, also when nothing else is known of it any more.
func TestDeliveriesByPlace(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	dir := t.TempDir()
	away := &receiver{verdict: func(*notify.Notification) notify.Verdict { return notify.Verdict{Kind: notify.Again, Code: "Away"} }}
	p, stop := c.start(new(recorder), dir, away.posted)
	c.send("acme/c", toldPart("c", 1, 1, target("host", schemas.RespondOnCallComplete, "")))
	r := await(t, p, "c")
	away.await(t, 1)
	stop()
	purge(t, dir)
	p, _ = c.start(new(recorder), dir, away.posted)
	partition, sequence := placeOf(r.Calls[0].Sequence)
	q := schemas.DeliveriesQuery{Partition: partition, Sequences: []int64{sequence, sequence + 1}}
	var ends []schemas.EndDeliveries
	var err error
	if !within(patience, func() bool { ends, err = p.Deliveries(t.Context(), q); return err == nil }) {
		t.Fatal(err)
	}
	if len(ends) != 2 || ends[0].Sequence != sequence || len(ends[0].Deliveries) != 1 || ends[0].Deliveries[0].Status != schemas.DeliveryPending || len(ends[1].Deliveries) != 0 {
		t.Errorf("deliveries: %+v, want the one that is pending", ends)
	}
}

// What is told to one receiver at a time is bounded in bytes, too: it is in memory. All of it is told in the end.
func TestLongNoticesWaitForOneAnother(t *testing.T) {
	t.Parallel()
	const conversations, partBytes, most = 11, 900 << 10, 16 << 20
	c := newCluster(t)
	var mu sync.Mutex
	underWay, highest := 0, 0
	goOn := make(chan struct{})
	told := &receiver{verdict: func(n *notify.Notification) notify.Verdict {
		mu.Lock()
		underWay += len(n.Body)
		highest = max(highest, underWay)
		mu.Unlock()
		<-goOn
		mu.Lock()
		underWay -= len(n.Body)
		mu.Unlock()
		return notify.Verdict{Kind: notify.Taken}
	}}
	p, _ := c.start(new(recorder), t.TempDir(), told.posted)
	long := `"objects":[{"type":"Row","properties":{"text":"` + strings.Repeat("x", partBytes) + `"}},`
	for i := range conversations {
		id := fmt.Sprintf("long%d", i)
		for k := range 2 {
			c.send("acme/"+id, strings.Replace(toldPart(id, k+1, 2, target("one", schemas.RespondOnConversationComplete, `,"includeResults":true,"includeObjects":true`)), `"objects":[`, long, 1))
		}
	}
	for i := range conversations {
		await(t, p, fmt.Sprintf("long%d", i))
	}
	told.await(t, 5)
	close(goOn)
	told.await(t, conversations)
	if mu.Lock(); highest > most || highest < 2*partBytes {
		t.Errorf("%d bytes were told at once, want %d at the most", highest, most)
	}
	mu.Unlock()
}

// What a target asks for is what it gets, and no more.
func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	told := new(receiver)
	p, _ := c.start(&backend{answer: refusing("a-2")}, t.TempDir(), told.posted)
	more := []string{"", `,"includeResults":true`, `,"includeResults":true,"includeObjects":true`, `,"includeResults":true,"includeObjects":true,"onlyIncludeBase":true`, `,"includeObjects":true`}
	targets := func(when schemas.RespondWhen) []string {
		var out []string
		for i, m := range more {
			out = append(out, target(fmt.Sprint(i), when, m))
		}
		return out
	}
	withData := func(call string) string {
		return strings.Replace(call, `"type":"Row",`, `"type":"Row","customerKey":"k","subscriberKey":"s","properties":{"a":[1]},`, 1)
	}
	c.send("acme/a", withData(toldPart("a", 1, 2, targets(schemas.RespondOnCallComplete)...)))
	c.send("acme/a", withData(toldPart("a", 2, 2, targets(schemas.RespondOnConversationComplete)...)))
	ended := await(t, p, "a")
	object := `{"type":"Row","customerKey":"k","subscriberKey":"s","correlationId":"a-%d","properties":{"a":[1]}}`
	want := []string{"", "result", "result " + object, "result " + strings.Replace(object, `,"properties":{"a":[1]}`, "", 1), ""}
	seen := make(map[string]bool)
	for _, n := range told.await(t, 2*len(more)) {
		i := int(n.Target.ResponseAddress[len("https://")] - '0')
		var body schemas.Callback
		if err := json.Unmarshal(n.Body, &body); err != nil {
			t.Fatalf("%s: %v", n.Body, err)
		}
		if body.Type != n.Type || body.Sequence != n.Sequence || body.Cursor != n.Cursor || !body.Timestamp.Equal(n.Timestamp) || body.Truncated {
			t.Errorf("%s\nis not of %+v", n.Body, n)
		}
		if len(n.ID) > 64 || strings.ContainsAny(n.ID, ". ") || seen[n.ID] {
			t.Errorf("id %q", n.ID)
		}
		seen[n.ID] = true
		cursor, err := schemas.ParseCursor(n.Cursor)
		if partition, sequence := placeOf(n.Sequence); err != nil || cursor.Sequence(partition) > sequence || cursor.Part != nil {
			t.Errorf("the cursor of %s is %+v, %v", n.Sequence, cursor, err)
		}
		calls := []schemas.CallResource{}
		if body.Call != nil {
			calls = append(calls, *body.Call)
		}
		if body.Conversation != nil {
			calls = append(calls, body.Conversation.Calls...)
			if body.Conversation.Status != schemas.ConversationError || len(calls) != 2 {
				t.Errorf("%s", n.Body)
			}
		}
		for _, call := range calls {
			polled := ended.Calls[call.SequenceCode-1]
			if call.Sequence != polled.Sequence || call.RequestID != polled.RequestID || call.Status != polled.Status || call.Total != 1 || call.Processed != 1 || call.Errors != polled.Errors {
				t.Errorf("told %+v\npolled %+v", call, polled)
			}
			got := ""
			for _, r := range call.Results {
				got = "result"
				if r.Object != nil {
					o, err := json.Marshal(r.Object)
					if err != nil {
						t.Fatal(err)
					}
					got += " " + string(o)
				}
			}
			w := want[i]
			if strings.Contains(w, "%d") {
				w = fmt.Sprintf(w, call.SequenceCode)
			}
			if got != w {
				t.Errorf("target %d, %s of part %d: %q, want %q", i, n.Type, call.SequenceCode, got, w)
			}
		}
	}
}

func placeOf(text string) (partition int32, sequence int64) {
	if _, err := fmt.Sscanf(text, "%d-%d", &partition, &sequence); err != nil {
		panic(err)
	}
	return partition, sequence
}

// The end of each delivery is an event, in the order of the partition, that names what was told.
func TestDeliveriesAreRecorded(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	told := &receiver{verdict: func(n *notify.Notification) notify.Verdict {
		switch {
		case strings.Contains(n.Target.ResponseAddress, "refuses"):
			return notify.Verdict{Kind: notify.Refused, Code: "NotAllowed", Message: "not there"}
		case strings.Contains(n.Target.ResponseAddress, "again") && n.Attempt == 1:
			return notify.Verdict{Kind: notify.Again, Code: "Unavailable", Message: "not now"}
		}
		return notify.Verdict{Kind: notify.Taken}
	}}
	p, _ := c.start(&backend{}, t.TempDir(), told.posted)
	c.send("acme/a", toldPart("a", 1, 1, target("takes", schemas.RespondAlways, ""), target("refuses", schemas.RespondAlways, ""), target("again", schemas.RespondOnConversationComplete, "")))
	await(t, p, "a")
	told.await(t, 4)
	var got []string
	var about []int64
	for i, e := range c.events(5) {
		if e.Sequence != int64(i+1) {
			t.Errorf("event %d has sequence %d", i, e.Sequence)
		}
		d := e.GetDelivery()
		if d == nil {
			about = append(about, e.Sequence)
			if want := int32(3 - 2*len(about) + 1); e.GetCall().GetTold()+e.GetConversation().GetTold() != max(want, 1) {
				t.Errorf("%v: told", e)
			}
			continue
		}
		if d.CompletedAtMs < d.BegunAtMs || d.BegunAtMs == 0 || d.ConversationId != "a" || e.Account != "acme" {
			t.Errorf("%v", d)
		}
		got = append(got, fmt.Sprintf("%s %s %s %s %d of %d: %s", d.ResponseAddress, d.Type, d.Status, d.ErrorCode, d.Attempts, d.About, d.Message))
	}
	shown := func() []schemas.DeliveryResource {
		ended := await(t, p, "a")
		return append(ended.Deliveries, ended.Calls[0].Deliveries...)
	}
	isPending := func(d schemas.DeliveryResource) bool { return d.Status == schemas.DeliveryPending }
	if !within(patience, func() bool { return !slices.ContainsFunc(shown(), isPending) }) || len(shown()) != 3 {
		t.Errorf("the status shows %+v", shown())
	}
	for _, d := range shown() {
		if d.Status == schemas.DeliveryPending || d.CompletedAt == nil || d.NextAttemptAt != nil || d.ErrorCode == "" == strings.Contains(d.ResponseAddress, "refuses") {
			t.Errorf("the status shows %+v", d)
		}
	}
	slices.Sort(got)
	want := []string{
		fmt.Sprintf("https://again/hook conversation.completed Delivered  2 of %d: ", about[1]),
		fmt.Sprintf("https://refuses/hook call.completed Undelivered NotAllowed 1 of %d: not there", about[0]),
		fmt.Sprintf("https://takes/hook call.completed Delivered  1 of %d: ", about[0]),
	}
	if !slices.Equal(got, want) {
		t.Errorf("deliveries\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What one process was to tell and did not, the next one does, with the same name, and whatever has become of its disk.
func TestDeliveriesOutliveTheProcess(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]func(string) string{
		"with its store":  func(dir string) string { return dir },
		"on another disk": func(string) string { return t.TempDir() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, first := newCluster(t), t.TempDir()
			away := &receiver{verdict: func(*notify.Notification) notify.Verdict {
				return notify.Verdict{Kind: notify.Again, Code: "Unavailable"}
			}}
			p, stop := c.start(&backend{}, first, away.posted)
			c.send("acme/a", toldPart("a", 1, 2, target("x", schemas.RespondOnConversationComplete, `,"includeResults":true`)))
			c.send("acme/a", toldPart("a", 2, 2, target("x", schemas.RespondOnCallComplete, "")))
			await(t, p, "a")
			tried := func(all []schemas.DeliveryResource) bool {
				return len(all) == 1 && all[0].Status == schemas.DeliveryPending && all[0].ErrorCode == "Unavailable" && all[0].Attempts > 0 && all[0].NextAttemptAt != nil
			}
			if !within(patience, func() bool {
				ended := await(t, p, "a")
				return tried(ended.Deliveries) && tried(ended.Calls[1].Deliveries)
			}) {
				t.Errorf("the status shows %+v", await(t, p, "a"))
			}
			before := names(away.came())
			stop()
			there := new(receiver)
			c.start(&backend{}, dir(first), there.posted)
			if after := names(there.await(t, 2)); !slices.Equal(after, before) {
				t.Errorf("told %v, want %v", after, before)
			}
			for _, n := range there.came() {
				if v := n.Conversation; n.Attempt < 2 || v != nil && (len(v.Calls) != 2 || len(v.Calls[0].Results) != 1) {
					t.Errorf("%s", n.Body)
				}
			}
		})
	}
}

// names are the names of deliveries, each once, in order.
func names(said []notify.Notification) []string {
	var out []string
	for _, n := range said {
		out = append(out, n.ID)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// One receiver that does not answer, with much to be told, delays nobody else.
func TestDeadReceiverDelaysNobody(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	opened := newDoor()
	t.Cleanup(opened.open)
	told := new(receiver)
	told.verdict = func(n *notify.Notification) notify.Verdict {
		if strings.Contains(n.Target.ResponseAddress, "dead") {
			<-opened.ch
		}
		return notify.Verdict{Kind: notify.Taken}
	}
	p, _ := c.start(&backend{}, t.TempDir(), told.posted)
	const calls = 600 // more than are held of a receiver in memory
	for i := range calls {
		c.send(fmt.Sprint("acme/dead-", i), toldPart(fmt.Sprint("dead-", i), 1, 1, target("dead", schemas.RespondAlways, "")))
	}
	await(t, p, fmt.Sprint("dead-", calls-1))
	c.send("acme/alive", toldPart("alive", 1, 1, target("alive", schemas.RespondAlways, "")))
	if !within(patience, func() bool {
		return slices.ContainsFunc(told.came(), func(n notify.Notification) bool { return conversationOf(n) == "alive" })
	}) {
		t.Fatal("nobody was told of the conversation beside")
	}
	if n := len(told.came()); n > 100 {
		t.Errorf("%d attempts are under way to a receiver that does not answer", n)
	}
	opened.open()
	if got := names(told.await(t, calls+1)); len(got) != calls+1 || len(told.came()) != calls+1 {
		t.Errorf("%d deliveries in %d attempts, want %d", len(got), len(told.came()), calls+1)
	}
}

// Who asks to be left alone for a while is, by all that is to be told.
func TestReceiverIsLeftAlone(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var mu sync.Mutex
	var asked time.Time
	told := &receiver{verdict: func(n *notify.Notification) notify.Verdict {
		mu.Lock()
		defer mu.Unlock()
		if asked.IsZero() {
			asked = time.Now()
			return notify.Verdict{Kind: notify.Again, RetryAfter: 2 * time.Second, Code: "RateLimited"}
		}
		if since := time.Since(asked); since < 2*time.Second {
			t.Errorf("told again after %s", since)
		}
		return notify.Verdict{Kind: notify.Taken}
	}}
	p, _ := c.start(&backend{}, t.TempDir(), told.posted)
	c.send("acme/a", toldPart("a", 1, 1, target("busy", schemas.RespondAlways, "")))
	await(t, p, "a")
	if !within(patience, func() bool {
		d := await(t, p, "a").Calls[0].Deliveries
		return len(d) == 1 && d[0].ErrorCode == "RateLimited"
	}) {
		t.Fatal("what the receiver has said is not recorded")
	}
	c.send("acme/b", toldPart("b", 1, 1, target("busy", schemas.RespondAlways, "")))
	told.await(t, 3)
}

// Each receiver is told in the form of the call that names it, at each attempt, by whoever asks for a conversation.
func TestSOAPIsToldItsOwnForm(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	told := &receiver{verdict: func(n *notify.Notification) notify.Verdict {
		if n.Attempt == 1 {
			return notify.Verdict{Kind: notify.Again, Code: schemas.TargetNotTaking}
		}
		return notify.Verdict{Kind: notify.Taken}
	}}
	p, _ := c.start(&backend{answer: refusing("a-2")}, t.TempDir(), told.posted)
	base := `,"includeResults":true,"includeObjects":true,"onlyIncludeBase":true`
	send := func(seq int, soap bool, targets ...string) {
		t.Helper()
		call, problem := schemas.DecodeCall([]byte(strings.Replace(toldPart("a", seq, 2, targets...), `"type":"Row",`, `"type":"Row","properties":{"a":[1]},`, 1)))
		if problem != nil {
			t.Fatal(problem)
		}
		call.Soap = soap
		value, err := proto.Marshal(call)
		if err != nil {
			t.Fatal(err)
		}
		r := &kgo.Record{
			Topic: c.topics.Calls, Partition: topics.Partition("acme/a", partitions), Key: []byte("acme/a"), Value: value,
			Headers: []kgo.RecordHeader{{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentProtobuf)}},
		}
		if err := c.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	send(1, true, target("same", schemas.RespondOnConversationComplete, ""), target("base", schemas.RespondOnConversationComplete, base))
	send(2, false, target("same", schemas.RespondOnConversationComplete, ""), target("base", schemas.RespondOnConversationComplete, base))
	await(t, p, "a")
	var got []string
	for _, n := range told.await(t, 8) {
		said := fmt.Sprintf("%s soap=%t %d", strings.TrimPrefix(n.Target.ResponseAddress, "https://"), n.Soap, n.Attempt)
		if n.Soap != (len(n.Body) == 0) || n.Soap != (n.FirstError != nil) {
			t.Errorf("%s: body %s, first error %v", said, n.Body, n.FirstError)
		}
		if n.FirstError != nil && (n.FirstError.Status != schemas.Error || n.FirstError.ErrorCode == "") {
			t.Errorf("%s: first error %+v", said, n.FirstError)
		}
		for _, call := range n.Conversation.Calls {
			for _, r := range call.Results {
				said += " " + string(r.Object.Properties)
			}
		}
		got = append(got, said)
	}
	slices.Sort(got)
	want := []string{
		"base/hook soap=false 1  ", "base/hook soap=false 2  ", `base/hook soap=true 1 {"a":[1]} {"a":[1]}`, `base/hook soap=true 2 {"a":[1]} {"a":[1]}`,
		"same/hook soap=false 1", "same/hook soap=false 2", "same/hook soap=true 1", "same/hook soap=true 2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
