package sink

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// event is a ResultEvent that ClickHouse can hold.
type event struct {
	*parleyv1.ResultEvent
	// request is the call's id, or that of the call that a conversation consists of, or of what was told of in a delivery;
	// zero for other conversations.
	request uuid.UUID
}

// timeMaxMS is the first millisecond, 2262-01-01, that is too late for a DateTime64 as the driver writes it.
const timeMaxMS = 9_214_646_400_000

var errNoEvent = errors.New("neither a call nor a conversation nor a delivery")

// decodeEvent reads the value of a record, which must not change from now on. Its error says why the event cannot be stored.
func decodeEvent(value []byte) (event, error) {
	decoded, err := decodeResultEvent(value)
	if err != nil {
		return event{}, fmt.Errorf("decode event: %w", err)
	}
	e := event{ResultEvent: decoded}
	switch kind := e.Event.(type) {
	case *parleyv1.ResultEvent_Call:
		c := kind.Call
		if e.request, err = uuid.Parse(c.GetRequestId()); err != nil {
			return event{}, fmt.Errorf("parse request id %q of call: %w", c.GetRequestId(), err)
		}
		err = checkTimes(c.GetAcceptedAtMs(), c.GetStartedAtMs(), c.GetCompletedAtMs())
	case *parleyv1.ResultEvent_Conversation:
		c := kind.Conversation
		if c.GetConversationId() == "" {
			if e.request, err = uuid.Parse(c.GetRequestId()); err != nil {
				return event{}, fmt.Errorf("parse request id %q of conversation: %w", c.GetRequestId(), err)
			}
		}
		err = checkTimes(c.GetAcceptedAtMs(), c.GetStartedAtMs(), c.GetCompletedAtMs())
	case *parleyv1.ResultEvent_Delivery:
		d := kind.Delivery
		if d.GetRequestId() != "" || d.GetConversationId() == "" {
			if e.request, err = uuid.Parse(d.GetRequestId()); err != nil {
				return event{}, fmt.Errorf("parse request id %q of delivery: %w", d.GetRequestId(), err)
			}
		}
		err = checkTimes(d.GetBegunAtMs(), d.GetCompletedAtMs())
	default:
		err = errNoEvent
	}
	if err == nil && (e.Partition < 0 || e.Partition >= schemas.PartitionsMax || e.Sequence < 1) {
		err = fmt.Errorf("place %d-%d: partitions go from 0 to %d, sequences from 1", e.Partition, e.Sequence, schemas.PartitionsMax-1)
	}
	if err != nil {
		return event{}, err
	}
	return e, nil
}

func checkTimes(times ...int64) error {
	for _, ms := range times {
		if ms < 0 || ms >= timeMaxMS {
			return fmt.Errorf("time %d ms is not within 1970 and 2262", ms)
		}
	}
	return nil
}
