package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"parley/internal/topics"
	"parley/schemas"
)

// The times of a run. They are shorter than in production, to have many of each in one run.
const (
	partTimeout        = 20 * time.Second
	forwardGrace       = 5 * time.Second
	sessionTimeout     = 6 * time.Second
	heartbeat          = time.Second
	transactionTimeout = 6 * time.Second
	rebalanceTimeout   = 8 * time.Second
	// busy is the time in which calls are sent and things go wrong, calm the time after it in which all must end.
	busy = 70 * time.Second
	calm = 240 * time.Second
)

// bigBang is when every bubble begins.
var bigBang = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// sending is a record that a producer appends at a time of the run.
type sending struct {
	at        time.Duration
	partition int32
	key       string
	value     string
	kind      string // the record's type; empty: a call
}

// meaning is what the value of a record says, as who wrote it knows.
type meaning struct {
	// garbage: nothing can be made of it.
	garbage bool
	// conversation names the conversation. Empty: a call without ConversationID and request id, of which each record is
	// a call of its own.
	conversation string
	// single is a call without a ConversationID.
	single     bool
	seq, calls int32
	// content is the same for calls that ask for the same, and different else: the first object's correlation id.
	content string
	// invalid is what is wrong with the call itself. Empty: nothing.
	invalid schemas.Code
	failOn  schemas.FailOn
	route   string
	// scheduled is when the call must not begin before. Zero: at once.
	scheduled time.Duration
	// startBy is when the conversation must have begun. Zero: whenever.
	startBy time.Duration
	// cancels: no call, but to cancel the conversation.
	cancels bool
	// about: the last object is of the person who is erased; alone: there is no other.
	about, alone bool
	// key is that of its record, home the partition that it belongs to.
	key string
}

// home is the partition of a record's conversation.
func (m meaning) home() int32 { return topics.Partition(m.key, partitions) }

// temper is how the backend takes a call.
type temper struct {
	// takes is the time of an attempt.
	takes time.Duration
	// busy counts the attempts that are told to come again.
	busy int
	// objects of the call, of which the first failing ones fail.
	objects, failing int
	// refused: the call fails as a whole.
	refused bool
	// unsent: an attempt that is told to come again proves that nothing was handed over.
	unsent bool
	// defers: the backend answers so long after the call came; never, if that is zero.
	defers bool
	after  time.Duration
}

// status is how a call ends that is carried out.
func (t temper) status() schemas.CallStatus {
	switch {
	case t.refused, t.failing == t.objects:
		return schemas.Error
	case t.failing > 0:
		return schemas.HasErrors
	}
	return schemas.OK
}

// plan is what one seed has in mind: what is sent, how the backend takes it, what goes wrong.
type plan struct {
	sendings []sending
	means    map[string]meaning // by value
	tempers  map[string]temper  // by content
	faults   []fault
	machines int
}

// planner makes a plan.
type planner struct {
	*plan
	*roll
}

func newPlan(d dice) *plan {
	p := planner{&plan{means: make(map[string]meaning), tempers: make(map[string]temper)}, d.stream("plan")}
	p.machines = 1 + p.IntN(3)
	for i := range 10 + p.IntN(16) {
		switch {
		case p.chance(15):
			p.single(i)
		case p.chance(4):
			p.garbage(i)
		default:
			p.conversation(i)
		}
	}
	p.erase()
	slices.SortStableFunc(p.sendings, func(a, b sending) int { return cmp.Compare(a.at, b.at) })
	p.faults = newFaults(d.stream("faults"), p.machines)
	return p.plan
}

// draft is a call that is being planned.
type draft struct {
	meaning
	account string
	// id is the conversation's, or the request's of a single call.
	id      string
	method  string
	objects int
	padding int
	// space spells the same content with other bytes.
	space string
}

func (d draft) value() string {
	var objects []string
	for i := range d.objects {
		correlation := d.content
		if i > 0 {
			correlation = fmt.Sprintf("%s/%d", d.content, i)
		}
		properties := ""
		if i == 0 && d.padding > 0 {
			properties = fmt.Sprintf(`,"properties":{"Text":%q}`, padding(d.content, d.padding))
		}
		if d.about && i == d.objects-1 {
			properties += fmt.Sprintf(`,"subscriberKey":%q`, person)
		}
		objects = append(objects, fmt.Sprintf(`{"type":%q,"correlationId":%q%s}`, d.route, correlation, properties))
	}
	options := fmt.Sprintf(`"failOn":%q,"sendResponseTo":%s`, d.failOn, targets)
	request := ""
	switch {
	case !d.single:
		options += fmt.Sprintf(`,"conversationId":%q,"sequenceCode":%d,"callsInConversation":%d`, d.id, d.seq, d.calls)
	case d.id != "":
		request = fmt.Sprintf(`"requestId":%q,`, d.id)
	}
	if d.startBy > 0 {
		options += fmt.Sprintf(`,"startBy":%q`, bigBang.Add(d.startBy).Format(time.RFC3339Nano))
	}
	if d.scheduled > 0 {
		options += fmt.Sprintf(`,"scheduledTime":%q`, bigBang.Add(d.scheduled).Format(time.RFC3339Nano))
	}
	return fmt.Sprintf(`{"account":%q,%s%s"method":%q,"objects":[%s],"options":{%s}}`, d.account, request, d.space, d.method, strings.Join(objects, ","), options)
}

// padding is text that does not compress, so that stores and logs grow as with real payloads.
func padding(content string, n int) string {
	r := dice{}.stream(content)
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(75))
		if b[i] == '\\' {
			b[i] = '_'
		}
	}
	return string(b)
}

func (p planner) draft(name string) draft {
	d := draft{
		account: one(p.roll, "acme", "umbra"),
		method:  "Create",
		objects: 1 + p.IntN(3),
		meaning: meaning{
			conversation: name,
			route:        one(p.roll, "Plain", "Plain", "Quick", "Once", "Once", "Many", "Log"),
			failOn:       one(p.roll, schemas.FailOnHasErrors, schemas.FailOnError, schemas.FailOnNever),
		},
	}
	d.about = p.chance(30)
	d.alone = d.about && d.objects == 1
	if p.chance(15) {
		d.padding = 5_000 + p.IntN(60_000)
	}
	return d
}

// send plans a record, and how the backend will take it if it comes to that.
func (p planner) send(at time.Duration, d draft) {
	v := d.value()
	p.means[v] = d.meaning
	if _, ok := p.tempers[d.content]; !ok {
		p.tempers[d.content] = p.temper(d)
	}
	partition := d.home()
	if p.chance(6) {
		partition = p.Int32N(partitions)
	}
	p.sendings = append(p.sendings, sending{at: at, partition: partition, key: d.key, value: v})
}

func (p planner) temper(d draft) temper {
	t := temper{objects: d.objects, takes: p.between(time.Millisecond, 60*time.Millisecond)}
	if p.chance(15) {
		t.takes = p.between(time.Second, 8*time.Second)
	}
	if p.chance(15) {
		t.busy = 1 + p.IntN(4)
	}
	if d.route == "Log" {
		return temper{objects: d.objects}
	}
	t.unsent = p.chance(50)
	if p.chance(12) {
		t.defers = true
		if p.chance(85) {
			t.after = one(p.roll, p.between(time.Microsecond, 20*time.Millisecond), p.between(0, 15*time.Second), p.between(0, 2*deferTimeout))
		}
	}
	switch {
	case p.chance(4):
		t.refused = true
	case p.chance(8):
		t.failing = 1 + p.IntN(d.objects)
	}
	if d.about && t.failing == d.objects-1 {
		t.failing = d.objects // so that the call ends alike with its last object and without
	}
	return t
}

func (p planner) garbage(i int) {
	m := meaning{garbage: true, content: fmt.Sprintf("g%d", i)}
	v := one(p.roll, `{"account":"acme","method"`, `{"account":"no/such","method":"Create"}`, "\x00\x01") + m.content
	if p.chance(30) {
		v = fmt.Sprintf(`{"account":"no/such","method":"Create","objects":[{"type":%q}]}`, m.content)
	}
	p.means[v] = m
	for range 1 + p.IntN(2) {
		p.sendings = append(p.sendings, sending{at: p.between(0, busy), partition: p.Int32N(partitions), value: v})
	}
}

// single plans a call without a ConversationID.
func (p planner) single(i int) {
	name := fmt.Sprintf("s%d", i)
	d := p.draft(name)
	d.single, d.seq, d.calls, d.content = true, 1, 1, name
	if p.chance(30) {
		d.conversation, d.route, d.about, d.alone = "", "Plain", false, false
		for range 1 + p.IntN(2) {
			v := d.value()
			p.means[v] = d.meaning
			p.tempers[d.content] = temper{objects: d.objects, takes: p.between(0, time.Second)}
			p.sendings = append(p.sendings, sending{at: p.between(0, busy), partition: p.Int32N(partitions), value: v})
		}
		return
	}
	d.id = uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String()
	d.key = schemas.RecordKey(d.account, "", uuid.MustParse(d.id))
	at := p.between(0, busy)
	p.send(at, d)
	if p.chance(40) {
		p.send(at+p.gap(), d)
	}
	if p.chance(20) { // the same request id, another content: the first stands
		d.content += "x"
		p.send(at+p.gap(), d)
	}
}

// gap is the time between two parts: mostly short, sometimes about as long as the timeout.
func (p planner) gap() time.Duration {
	switch n := p.IntN(100); {
	case n < 60:
		return p.between(0, 20*time.Millisecond)
	case n < 90:
		return p.between(0, 4*time.Second)
	case n < 96:
		return partTimeout + p.between(-300*time.Millisecond, 300*time.Millisecond)
	}
	return p.between(0, 2*partTimeout)
}

// conversation plans the parts of a conversation, in some order, and what disturbs it.
func (p planner) conversation(i int) {
	name := fmt.Sprintf("c%d", i)
	d := p.draft(name)
	d.id = name
	d.key = schemas.RecordKey(d.account, name, uuid.UUID{})
	d.calls = int32(1 + p.IntN(5))
	if p.chance(5) {
		d.calls = int32(6 + p.IntN(15))
	}
	missing := 0
	if d.calls > 1 && p.chance(8) {
		missing = 1 + p.IntN(int(d.calls))
	}
	at := p.between(0, busy*2/3)
	hurried := p.IntN(10 * int(d.calls))
	for i, k := range p.Perm(int(d.calls)) {
		part := d
		part.seq, part.content = int32(k+1), fmt.Sprintf("%s-%d", name, k+1)
		if i == hurried {
			part.startBy = (at + p.between(0, 20*time.Second)).Round(time.Millisecond)
		} else if p.chance(4) {
			part.scheduled = (at + p.between(0, 30*time.Second)).Round(time.Millisecond)
		}
		if k+1 != missing {
			p.send(at, part)
			p.disturb(at, part)
		}
		at += p.gap()
	}
	if p.chance(6) {
		p.cancel(max(0, at-p.between(0, 2*time.Second)), d)
	}
	if p.chance(10) { // when all is over, most likely
		late := d
		late.seq, late.content = 1+p.Int32N(d.calls), name+"-late"
		p.send(at+p.between(5*time.Second, 30*time.Second), late)
	}
}

// cancel plans that a conversation is to be cancelled, as its last parts come.
func (p planner) cancel(at time.Duration, d draft) {
	v := fmt.Sprintf(`{"account":%q,"conversationId":%q}`, d.account, d.id)
	p.means[v] = meaning{conversation: d.conversation, cancels: true, key: d.key, content: d.conversation + "-cancel"}
	p.sendings = append(p.sendings, sending{at: at, partition: d.home(), key: d.key, value: v, kind: schemas.RecordCancel})
}

// person is the subscriberKey of what is erased.
const person = "ann@example.com"

// erase plans that what is held of the person is erased, of one account after the other.
func (p planner) erase() {
	for _, account := range []string{"acme", "umbra"} {
		at := p.between(busy/4, busy)
		v := fmt.Sprintf(`{"account":%q,"subject":%q}`, account, schemas.SubjectHash(schemas.Subject(account, person)))
		p.means[v] = meaning{garbage: true, content: "erasure of " + account}
		for partition := range int32(partitions) {
			p.sendings = append(p.sendings, sending{at: at + p.gap()/8, partition: partition, key: account, value: v, kind: schemas.RecordErase})
		}
	}
}

// disturb plans records that are no new part, about the time of one.
func (p planner) disturb(at time.Duration, part draft) {
	near := func() time.Duration {
		if p.chance(50) {
			return max(0, at+p.between(-20*time.Millisecond, 20*time.Millisecond))
		}
		return at + p.between(0, 30*time.Second)
	}
	if p.chance(12) {
		p.send(near(), part)
	}
	if p.chance(8) {
		again := part
		again.space = " "
		p.send(near(), again)
	}
	if p.chance(2) {
		other := part
		other.content += "x"
		p.send(near(), other)
	}
	if p.chance(1) {
		other := part
		other.content += "n"
		other.calls++
		p.send(near(), other)
	}
	if p.chance(3) {
		wrong := part
		wrong.content += "w"
		wrong.method, wrong.invalid = "Destroy", schemas.UnknownMethod
		p.send(near(), wrong)
	}
}
