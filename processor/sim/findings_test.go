package sim

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// findings are what a run has left: all that the checks look at.
type findings struct {
	history *history
	plan    *plan
	// polls are what callers were told at the end, by conversation.
	polls   map[string]string
	arrived []arrival
	// log are all events, events those of calls and conversations.
	log, events []event
	receiver    *receiver
	// untold are the keys of what is in the changelog of ends that were to be told.
	untold map[string]bool
	// dead are the records of parley.dead, by where they came from.
	dead map[place]int
	// requests counts the records of the kafka executor's topic, by request id.
	requests map[string]int
	// erasures are those of the partitions at the end, by the place of their records, and parts the calls that were still
	// held then.
	erasures map[place]*parleyv1.ErasureState
	parts    []heldPart
	// states are the last of each partition's own records in the changelog, tenures the sequences at which it got a next owner.
	states  map[int32]*parleyv1.PartitionState
	tenures map[int32][]int64
}

// place is where a record of parley.calls stands.
type place struct {
	partition int32
	offset    int64
}

// arrival is a record of parley.calls, in the order of partition and offset.
type arrival struct {
	place
	// appended is when it was appended here, at when it was first.
	appended, at time.Time
	value        string
	// plain: no call. A tick, a marker, an outcome that came late; to the conversations, it only tells the time.
	plain     bool
	forwarded bool
	meaning
}

// event is a record of parley.results.
type event struct {
	*parleyv1.ResultEvent
	committed time.Time
}

// of is the conversation of an event, as the plan calls it.
func (e event) of() string {
	if id := e.GetCall().GetConversationId() + e.GetConversation().GetConversationId() + e.GetDelivery().GetConversationId(); id != "" {
		return id
	}
	if d := e.GetDelivery(); d != nil {
		return d.RequestId
	}
	if c := e.GetCall(); c != nil {
		return c.Results[0].CorrelationId
	}
	return e.GetConversation().RequestId
}

// findings reads back what the run has left in the log.
func (w *world) findings() *findings {
	f := &findings{history: w.history, plan: w.plan, polls: w.polls, dead: make(map[place]int), requests: make(map[string]int), receiver: w.receiver, untold: make(map[string]bool), erasures: make(map[place]*parleyv1.ErasureState), states: make(map[int32]*parleyv1.PartitionState), tenures: make(map[int32][]int64)}
	for _, r := range w.broker.read(w.t, w.broker.names.Calls) {
		f.arrived = append(f.arrived, f.arrival(r))
	}
	for _, r := range w.broker.read(w.t, w.broker.names.Results) {
		if r.Attrs.IsControl() {
			continue
		}
		e := event{new(parleyv1.ResultEvent), r.committed}
		if err := proto.Unmarshal(r.Value, e); err != nil {
			w.fail("results can be read", "", "%v", err)
		}
		if f.log = append(f.log, e); e.GetDelivery() == nil {
			f.events = append(f.events, e)
		}
	}
	for _, r := range w.broker.read(w.t, w.broker.names.Dead) {
		if !r.Attrs.IsControl() {
			f.dead[place{int32(number(header(r.Record, schemas.HeaderSourcePartition))), int64(number(header(r.Record, schemas.HeaderSourceOffset)))}]++
		}
	}
	for _, r := range w.broker.read(w.t, requests) {
		if !r.Attrs.IsControl() {
			f.requests[header(r.Record, "idempotency-key")]++
		}
	}
	last := make(map[string]record)
	for _, r := range w.broker.read(w.t, w.broker.names.State) {
		if !r.Attrs.IsControl() {
			last[fmt.Sprintf("%d %s", r.Partition, r.Key)] = r
		}
		if string(r.Key) == "m" && !r.Attrs.IsControl() {
			s := new(parleyv1.PartitionState)
			if err := proto.Unmarshal(r.Value[1:], s); err != nil {
				w.fail("the state can be read", "", "%v", err)
			}
			if before := f.states[r.Partition]; before != nil && s.Fence > before.Fence {
				f.tenures[r.Partition] = append(f.tenures[r.Partition], before.Sequence)
			}
			f.states[r.Partition] = s
		}
	}
	for _, r := range last {
		if isTold(string(r.Key)) && r.Value != nil {
			f.untold[fmt.Sprintf("%d %s", r.Partition, r.Key)] = true
		}
		if err := f.hold(r); err != nil {
			w.fail("the state can be read", "", "%v", err)
		}
	}
	return f
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

func (f *findings) arrival(r record) arrival {
	a := arrival{place: place{r.Partition, r.Offset}, appended: r.Timestamp, at: r.Timestamp, value: string(r.Value)}
	switch kind := header(r.Record, schemas.HeaderType); {
	case kind == schemas.RecordCancel:
		a.plain = true
	case r.Attrs.IsControl() || kind != "" && kind != schemas.RecordCall:
		a.plain = true
		return a
	}
	a.meaning = f.plan.means[a.value]
	if a.conversation == "" && a.single {
		a.conversation = a.content
	}
	if from := header(r.Record, "forwarded-from"); from != "" {
		a.forwarded = true
		a.at = time.UnixMilli(int64(number(header(r.Record, "first-appended-ms"))))
	}
	return a
}

// notes are the log's part of the history.
func (f *findings) notes() []note {
	var out []note
	for _, a := range f.arrived {
		if a.plain && !a.cancels {
			continue
		}
		text := fmt.Sprintf("%s (%d of %d) is appended at %d/%d", a.content, a.seq, a.calls, a.partition, a.offset)
		if a.forwarded {
			text += fmt.Sprintf(", forwarded, first appended at %.3f", a.at.Sub(f.history.start).Seconds())
		}
		out = append(out, note{a.appended, text, a.name()})
	}
	for _, e := range f.log {
		text := fmt.Sprintf("result %d-%d is committed: ", e.Partition, e.Sequence)
		if d := e.GetDelivery(); d != nil {
			text += fmt.Sprintf("%s of %d-%d %s after %d", d.ResponseAddress, e.Partition, d.About, d.Status, d.Attempts)
		} else if c := e.GetCall(); c != nil {
			text += fmt.Sprintf("%s %s %s after %d", c.Results[0].CorrelationId, c.Status, c.ErrorCode, c.Attempts)
		} else {
			text += fmt.Sprintf("conversation %s %s %s", e.of(), e.GetConversation().Status, e.GetConversation().ErrorCode)
		}
		out = append(out, note{e.committed, text, e.of()})
	}
	return out
}

// name is what the story calls the conversation of an arrival.
func (a arrival) name() string {
	if a.garbage {
		return a.content
	}
	return a.conversation
}

// story is all that has to do with a conversation, in lines.
func (f *findings) story(conversation string) []string {
	return f.history.tell(f.notes(), conversation)
}

// lines is the whole history: equal for equal runs.
func (f *findings) lines() []string {
	return slices.Concat(f.history.tell(f.notes(), ""))
}
