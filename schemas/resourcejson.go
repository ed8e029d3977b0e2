package schemas

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonRoom is about how many bytes a status has as JSON, resultRoom a result, unless their texts are long.
const (
	jsonRoom   = 512
	resultRoom = 192
)

// AppendJSON implements Resource.
func (r CallResource) AppendJSON(b []byte) ([]byte, error) {
	j := jsonText{b: slices.Grow(b, jsonRoom+resultRoom*len(r.Results))}
	j.call(&r)
	return j.done()
}

// AppendJSON implements Resource.
func (r ConversationResource) AppendJSON(b []byte) ([]byte, error) {
	j := jsonText{b: slices.Grow(b, jsonRoom*(1+len(r.Calls)))}
	j.text(`{"conversationId":`, r.ConversationID)
	j.given(`,"requestId":`, r.RequestID)
	j.text(`,"account":`, r.Account)
	j.text(`,"status":`, string(r.Status))
	j.text(`,"errorCode":`, string(r.ErrorCode))
	j.text(`,"message":`, r.Message)
	j.number(`,"callsInConversation":`, int64(r.CallsInConversation))
	j.number(`,"received":`, int64(r.Received))
	j.codes(`,"missing":`, r.Missing)
	if r.PartsExpireAt != nil {
		j.time(`,"partsExpireAt":`, r.PartsExpireAt)
	} else {
		j.raw(`,"partsExpireAt":null`)
	}
	j.number(`,"total":`, int64(r.Total))
	j.number(`,"processed":`, int64(r.Processed))
	j.number(`,"errors":`, int64(r.Errors))
	j.time(`,"acceptedAt":`, r.AcceptedAt)
	j.time(`,"startedAt":`, r.StartedAt)
	j.time(`,"completedAt":`, r.CompletedAt)
	j.textOrNull(`,"continues":`, r.Continues)
	j.textOrNull(`,"continuedBy":`, r.ContinuedBy)
	if r.Kept != nil {
		j.number(`,"kept":{"from":`, int64(r.Kept.From))
		if r.Kept.Failed != 0 {
			j.number(`,"failed":`, int64(r.Kept.Failed))
		}
		j.time(`,"until":`, &r.Kept.Until)
		j.raw(`}`)
	}
	j.deliveries(r.Deliveries)
	j.raw(`,"calls":[`)
	for i := range r.Calls {
		if i > 0 {
			j.raw(`,`)
		}
		j.call(&r.Calls[i])
	}
	j.raw(`]`)
	if r.Next != 0 {
		j.number(`,"next":`, int64(r.Next))
	}
	if len(r.InRecord) > 0 {
		j.codes(`,"inRecord":`, r.InRecord)
	}
	j.raw(`}`)
	return j.done()
}

// jsonText is JSON that is being written, by hand: by reflection a status takes longer to write than to find. What comes
// before a value is its member's name, with all that stands between. The first error is kept.
type jsonText struct {
	b   []byte
	err error
}

func (j *jsonText) done() ([]byte, error) {
	if j.err != nil {
		return nil, fmt.Errorf("encode status: %w", j.err)
	}
	return j.b, nil
}

func (j *jsonText) call(r *CallResource) {
	j.text(`{"requestId":`, r.RequestID)
	j.text(`,"account":`, r.Account)
	j.text(`,"conversationId":`, r.ConversationID)
	j.number(`,"sequenceCode":`, int64(r.SequenceCode))
	j.number(`,"callsInConversation":`, int64(r.CallsInConversation))
	j.given(`,"method":`, r.Method)
	j.text(`,"status":`, string(r.Status))
	j.text(`,"errorCode":`, string(r.ErrorCode))
	j.text(`,"message":`, r.Message)
	j.number(`,"total":`, int64(r.Total))
	j.number(`,"processed":`, int64(r.Processed))
	j.number(`,"errors":`, int64(r.Errors))
	j.results(r.Results)
	j.number(`,"attempts":`, int64(r.Attempts))
	j.time(`,"acceptedAt":`, r.AcceptedAt)
	j.time(`,"startedAt":`, r.StartedAt)
	j.time(`,"completedAt":`, r.CompletedAt)
	j.given(`,"sequence":`, r.Sequence)
	if r.Position != nil {
		j.number(`,"position":`, *r.Position)
	}
	if r.EstimatedSeconds != nil {
		j.raw(`,"estimatedSeconds":`)
		j.b = jsontext.AppendFloat(j.b, *r.EstimatedSeconds, 64)
	}
	if r.Conflicting {
		j.raw(`,"conflicting":true`)
	}
	if len(r.Missing) > 0 {
		j.codes(`,"missing":`, r.Missing)
	}
	j.time(`,"partsExpireAt":`, r.PartsExpireAt)
	j.deliveries(r.Deliveries)
	j.raw(`}`)
}

func (j *jsonText) results(results []ResultResource) {
	j.raw(`,"results":[`)
	for i := range results {
		if i > 0 {
			j.raw(`,`)
		}
		o := &results[i]
		j.number(`{"ordinal":`, int64(o.Ordinal))
		j.text(`,"correlationId":`, o.CorrelationID)
		j.text(`,"objectType":`, o.ObjectType)
		j.text(`,"customerKey":`, o.CustomerKey)
		j.text(`,"status":`, string(o.Status))
		j.text(`,"errorCode":`, string(o.ErrorCode))
		j.text(`,"message":`, o.Message)
		if o.Object != nil {
			j.object(o.Object)
		}
		j.raw(`}`)
	}
	j.raw(`]`)
}

func (j *jsonText) object(o *ObjectResource) {
	j.text(`,"object":{"type":`, o.Type)
	j.given(`,"customerKey":`, o.CustomerKey)
	j.given(`,"subscriberKey":`, o.SubscriberKey)
	j.given(`,"partnerKey":`, o.PartnerKey)
	j.given(`,"id":`, o.ID)
	j.given(`,"objectId":`, o.ObjectID)
	j.given(`,"correlationId":`, o.CorrelationID)
	if len(o.Properties) > 0 {
		j.raw(`,"properties":`)
		j.b = append(j.b, o.Properties...)
	}
	j.raw(`}`)
}

func (j *jsonText) raw(s string) { j.b = append(j.b, s...) }

func (j *jsonText) text(before, s string) {
	b, err := jsontext.AppendQuote(append(j.b, before...), s)
	if j.b = b; j.err == nil {
		j.err = err
	}
}

// given writes a text that is left out when it is empty.
func (j *jsonText) given(before, s string) {
	if s != "" {
		j.text(before, s)
	}
}

func (j *jsonText) textOrNull(before string, s *string) {
	if s != nil {
		j.text(before, *s)
	} else {
		j.raw(before)
		j.raw(`null`)
	}
}

func (j *jsonText) number(before string, n int64) {
	j.b = strconv.AppendInt(append(j.b, before...), n, 10)
}

func (j *jsonText) codes(before string, codes []int32) {
	j.raw(before)
	j.raw(`[`)
	for i, k := range codes {
		if i > 0 {
			j.raw(`,`)
		}
		j.b = strconv.AppendInt(j.b, int64(k), 10)
	}
	j.raw(`]`)
}

// time writes a time that is left out when there is none.
func (j *jsonText) time(before string, at *time.Time) {
	if at != nil {
		j.b = append(at.AppendFormat(append(append(j.b, before...), '"'), time.RFC3339Nano), '"')
	}
}
