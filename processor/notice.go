package processor

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"parley/processor/conversation"
	"parley/processor/delivery"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// noticeBytesMax bounds what is kept of an end until it is told. What has no room is left out, and the receiver is told so.
const noticeBytesMax = 2 << 20

// target is one receiver, and the form in which it is told.
type target struct {
	*parleyv1.ResponseTarget
	// soap is set when the call that names it came by SOAP.
	soap bool
}

// targetsOf are targets that a call names.
func targetsOf(call *parleyv1.Call, named []*parleyv1.ResponseTarget) []target {
	out := make([]target, len(named))
	for i, t := range named {
		out[i] = target{t, call.Soap}
	}
	return out
}

// A flag of a target counts only with the one before it (ASYNC-WIRE 11).
func (t target) withResults() bool { return t.GetIncludeResults() }
func (t target) withObjects() bool { return t.withResults() && t.GetIncludeObjects() }
func (t target) withBase() bool    { return t.withObjects() && t.GetOnlyIncludeBase() }

// withProperties reports whether the properties of objects are told. What a call by SOAP calls the base of an object has members
// that stand in properties here: the form leaves out the others.
func (t target) withProperties() bool { return t.withObjects() && (t.soap || !t.GetOnlyIncludeBase()) }

// tellsOfConversations reports whether a target of a call is told of ends of conversations.
func tellsOfConversations(call *parleyv1.Call) bool {
	return slices.ContainsFunc(call.GetOptions().GetSendResponseTo(), func(r *parleyv1.ResponseTarget) bool {
		return r.GetResponseType() != "None" && conversation.OfConversations(schemas.RespondWhen(r.GetRespondWhen()))
	})
}

// tellOfCall has an audience told of the end of a call, whose event has its sequence.
func (t *turn) tellOfCall(p *partTurn, call *parleyv1.Call, e *parleyv1.ResultEvent, to audience) error {
	if len(to.told) == 0 {
		return nil
	}
	n := t.newNotice(e, to)
	n.state.Event, n.state.Traceparent = n.take(e, call), call.Traceparent
	return t.tell(p, n, to)
}

// toldParts reads what the end of a conversation is told of its parts, before they are forgotten, and who is told.
func (t *turn) toldParts(p *partTurn, key schemas.ConversationKey, s conversation.State) (calls []toldCall, to audience, err error) {
	for k := int32(1); k <= s.Calls; k++ {
		if !s.Received.Has(k) {
			continue
		}
		part, err := p.tx.Peek(key, k)
		if err != nil {
			return nil, audience{}, err
		}
		call, err := part.Decode()
		if err != nil {
			return nil, audience{}, err
		}
		to.add(targetsOf(call, call.GetOptions().GetSendResponseTo()), func(when schemas.RespondWhen) bool { return conversation.ToldOfConversation(when, s.End) })
		if k > schemas.CallsPage {
			continue
		}
		e, err := p.tx.TakeEndedPart(key, k)
		if err != nil {
			return nil, audience{}, err
		}
		if e != nil {
			calls = append(calls, toldCall{e, call})
		}
	}
	return calls, to, nil
}

// toldCall is a call that has ended.
type toldCall struct {
	event *parleyv1.ResultEvent
	call  *parleyv1.Call
}

// tellOfConversation has an audience told of the end of a conversation, whose event has its sequence.
func (t *turn) tellOfConversation(p *partTurn, e *parleyv1.ResultEvent, calls []toldCall, to audience) error {
	if len(to.told) == 0 {
		return nil
	}
	n := t.newNotice(e, to)
	for _, c := range calls {
		n.state.Calls = append(n.state.Calls, n.take(c.event, c.call))
	}
	return t.tell(p, n, to)
}

// tell keeps a notice, has it told once it is committed, and takes down who is not.
func (t *turn) tell(p *partTurn, n *notice, to audience) error {
	deliveries := make([]store.Delivery, len(to.told))
	begun := t.now
	for i, target := range to.told {
		deliveries[i] = store.Delivery{Account: n.state.Event.Account, Target: target.ResponseTarget, Soap: target.soap, State: delivery.Begin(begun)}
	}
	if err := p.tx.PutNotice(n.state.Event.Sequence, n.state, deliveries); err != nil {
		return err
	}
	for i, d := range deliveries {
		p.tellings = append(p.tellings, telling{
			id:       store.DeliveryID{Sequence: n.state.Event.Sequence, Target: int32(i)},
			receiver: d.Receiver(),
			bytes:    d.Bytes,
			due:      begun,
		})
	}
	return t.untold(p, n.state.Event, to)
}

// notice is what is told of an end, while it is being made.
type notice struct {
	state *parleyv1.NoticeState
	// results, objects and properties are set when somebody is to have them.
	results, objects, properties bool
	// first is set when somebody is to have the first result that failed, whatever else.
	first bool
	// room is what is left of noticeBytesMax.
	room int
}

func (t *turn) newNotice(e *parleyv1.ResultEvent, to audience) *notice {
	n := noticeFor(to)
	n.state = &parleyv1.NoticeState{Event: e, Cursor: t.cursor(e).String()}
	return n
}

// noticeFor is an empty notice for an audience.
func noticeFor(to audience) *notice {
	return &notice{
		results:    slices.ContainsFunc(to.told, target.withResults),
		objects:    slices.ContainsFunc(to.told, target.withObjects),
		properties: slices.ContainsFunc(to.told, target.withProperties),
		first:      slices.ContainsFunc(to.told, func(t target) bool { return t.soap }),
		room:       noticeBytesMax,
	}
}

// take takes in a call, with its results and objects as far as somebody is to have them and there is room. It returns the
// event of its end that is kept.
func (n *notice) take(e *parleyv1.ResultEvent, call *parleyv1.Call) *parleyv1.ResultEvent {
	counts := new(parleyv1.NoticeCounts)
	for _, r := range e.GetCall().GetResults() {
		counts.Total++
		if schemas.ResultStatus(r.Status).CarriedOut() {
			counts.Processed++
		}
		if r.Status == string(schemas.Error) {
			counts.Errors++
		}
	}
	n.state.Counts = append(n.state.Counts, counts)
	if n.objects {
		n.state.Payloads = append(n.state.Payloads, n.payload(call))
	}
	if n.results && n.fits(e) {
		return e
	}
	return n.withoutResults(e)
}

// payload are the objects of a call, none if there is no room.
func (n *notice) payload(call *parleyv1.Call) *parleyv1.NoticePayload {
	objects := &parleyv1.NoticePayload{Objects: call.Objects}
	if !n.properties {
		objects = withoutProperties(call.Objects)
	}
	if !n.fits(objects) {
		return new(parleyv1.NoticePayload)
	}
	return objects
}

// fits reports whether there is room for something, and takes it.
func (n *notice) fits(m proto.Message) bool {
	size := proto.Size(m)
	if size > n.room {
		n.state.Truncated = true
		return false
	}
	n.room -= size
	return true
}

// withoutResults is the event of a call without its results, but for the first that failed if somebody is to have it.
func (n *notice) withoutResults(e *parleyv1.ResultEvent) *parleyv1.ResultEvent {
	call := e.GetCall()
	results := call.Results
	call.Results = nil
	short := proto.CloneOf(e)
	call.Results = results
	if i := slices.IndexFunc(results, failed); n.first && i >= 0 && n.fits(results[i]) {
		short.GetCall().Results = results[i : i+1]
	}
	return short
}

// failed reports whether an object did not end well.
func failed(r *parleyv1.ObjectResult) bool { return schemas.ResultStatus(r.GetStatus()) != schemas.OK }

func withoutProperties(objects []*parleyv1.Object) *parleyv1.NoticePayload {
	out := &parleyv1.NoticePayload{Objects: make([]*parleyv1.Object, len(objects))}
	for i, o := range objects {
		out.Objects[i] = &parleyv1.Object{
			Type: o.Type, CustomerKey: o.CustomerKey, SubscriberKey: o.SubscriberKey, PartnerKey: o.PartnerKey,
			Id: o.Id, ObjectId: o.ObjectId, CorrelationId: o.CorrelationId, Erased: o.Erased,
		}
	}
	return out
}
