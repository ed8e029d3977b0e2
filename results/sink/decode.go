package sink

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	parleyv1 "parley/schemas/parley/v1"
)

var errTwoEvents = errors.New("more than one event in a record")

// The functions below read the messages of event.proto, as proto.Unmarshal does, but for two things. Text and bytes are
// not copied: they lie in the record, which lives as long as its block. And a message that comes in several pieces, which
// nobody writes, is refused. What the fields are is said twice, then; a test holds the two against each other.

// decodeResultEvent reads what a record holds.
func decodeResultEvent(value []byte) (*parleyv1.ResultEvent, error) {
	e := &parleyv1.ResultEvent{}
	err := eachField(value, func(f field) error {
		switch f.num {
		case 1:
			return f.text(&e.Account)
		case 2:
			f.int32(&e.Partition)
		case 3:
			f.int64(&e.Sequence)
		case 4, 5, 6:
			return decodeKind(e, f)
		}
		return nil
	})
	return e, err
}

func decodeKind(e *parleyv1.ResultEvent, f field) error {
	switch {
	case f.typ != protowire.BytesType:
		return nil
	case e.Event != nil:
		return errTwoEvents
	}
	switch f.num {
	case 4:
		c := &parleyv1.CallEvent{}
		e.Event = &parleyv1.ResultEvent_Call{Call: c}
		return decodeCall(c, f.value)
	case 5:
		c := &parleyv1.ConversationEvent{}
		e.Event = &parleyv1.ResultEvent_Conversation{Conversation: c}
		return decodeConversation(c, f.value)
	default:
		d := &parleyv1.DeliveryEvent{}
		e.Event = &parleyv1.ResultEvent_Delivery{Delivery: d}
		return decodeDelivery(d, f.value)
	}
}

func decodeCall(c *parleyv1.CallEvent, message []byte) error {
	return eachField(message, func(f field) error {
		switch f.num {
		case 1:
			return f.text(&c.RequestId)
		case 2:
			return f.text(&c.ConversationId)
		case 3:
			f.int32(&c.SequenceCode)
		case 4:
			f.int32(&c.CallsInConversation)
		case 5:
			return f.text(&c.Method)
		case 6:
			return f.text(&c.Action)
		case 7:
			return f.text(&c.Status)
		case 8:
			return f.text(&c.ErrorCode)
		case 9:
			return f.text(&c.Message)
		case 10:
			f.int32(&c.Attempts)
		case 11:
			f.int64(&c.AcceptedAtMs)
		case 12:
			f.int64(&c.StartedAtMs)
		case 13:
			f.int64(&c.CompletedAtMs)
		case 14:
			return decodeResult(c, f)
		case 15:
			f.bytes(&c.Digest)
		case 16:
			return f.text(&c.Route)
		case 17:
			f.fixed64(&c.Content)
		case 18:
			f.bytes(&c.TraceId)
		case 19:
			f.int32(&c.Told)
		}
		return nil
	})
}

func decodeResult(c *parleyv1.CallEvent, f field) error {
	if f.typ != protowire.BytesType {
		return nil
	}
	o := &parleyv1.ObjectResult{}
	c.Results = append(c.Results, o)
	return decodeObject(o, f.value)
}

func decodeObject(o *parleyv1.ObjectResult, message []byte) error {
	return eachField(message, func(f field) error {
		switch f.num {
		case 1:
			return f.text(&o.CorrelationId)
		case 2:
			return f.text(&o.ObjectType)
		case 3:
			return f.text(&o.CustomerKey)
		case 4:
			return f.text(&o.Status)
		case 5:
			return f.text(&o.ErrorCode)
		case 6:
			return f.text(&o.Message)
		case 7:
			f.fixed64(&o.Subject)
		}
		return nil
	})
}

func decodeConversation(c *parleyv1.ConversationEvent, message []byte) error {
	return eachField(message, func(f field) error {
		switch f.num {
		case 1:
			return f.text(&c.ConversationId)
		case 2:
			return f.text(&c.RequestId)
		case 3:
			return f.text(&c.Status)
		case 4:
			return f.text(&c.ErrorCode)
		case 5:
			return f.text(&c.Message)
		case 6:
			f.int32(&c.CallsInConversation)
		case 7:
			f.int32(&c.Received)
		case 8:
			f.int32(&c.Processed)
		case 9:
			f.int32(&c.Errors)
		case 10:
			f.int64(&c.AcceptedAtMs)
		case 11:
			f.int64(&c.StartedAtMs)
		case 12:
			f.int64(&c.CompletedAtMs)
		case 13:
			return f.text(&c.Continues)
		case 14:
			return f.text(&c.ContinuedBy)
		case 15:
			f.int32(&c.Told)
		}
		return nil
	})
}

func decodeDelivery(d *parleyv1.DeliveryEvent, message []byte) error {
	return eachField(message, func(f field) error {
		switch f.num {
		case 1:
			return f.text(&d.RequestId)
		case 2:
			return f.text(&d.ConversationId)
		case 3:
			f.int64(&d.About)
		case 4:
			return f.text(&d.Type)
		case 5:
			return f.text(&d.ResponseType)
		case 6:
			return f.text(&d.ResponseAddress)
		case 7:
			return f.text(&d.Status)
		case 8:
			return f.text(&d.ErrorCode)
		case 9:
			return f.text(&d.Message)
		case 10:
			f.int32(&d.Attempts)
		case 11:
			f.int64(&d.BegunAtMs)
		case 12:
			f.int64(&d.CompletedAtMs)
		}
		return nil
	})
}
