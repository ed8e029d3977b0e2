package schemas

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	parleyv1 "parley/schemas/parley/v1"
)

// EncodeCall is the inverse of DecodeCall, but for the spelling of properties: spaces and escapes. The error says that a
// text is not valid UTF-8, that properties are not JSON, or that a time is beyond the years 0 to 9999.
func EncodeCall(call *parleyv1.Call) ([]byte, error) {
	out := callJSON{
		Account:   call.Account,
		RequestID: call.RequestId,
		Method:    call.Method,
		Action:    call.Action,
		Objects:   make([]objectJSON, len(call.Objects)),
		Options:   optionsJSONOf(call.GetOptions()),
	}
	for i, o := range call.Objects {
		out.Objects[i] = objectJSON{
			Type:          o.GetType(),
			CustomerKey:   o.GetCustomerKey(),
			SubscriberKey: o.GetSubscriberKey(),
			PartnerKey:    o.GetPartnerKey(),
			ID:            o.GetId(),
			ObjectID:      o.GetObjectId(),
			CorrelationID: o.GetCorrelationId(),
			Properties:    orAbsent(o.GetProperties()),
		}
	}
	return json.Marshal(&out, json.OmitZeroStructFields(true))
}

// orAbsent leaves out properties that are empty.
func orAbsent(properties []byte) jsontext.Value {
	if len(properties) == 0 {
		return nil
	}
	return properties
}

func optionsJSONOf(o *parleyv1.Options) optionsJSON {
	if o == nil {
		return optionsJSON{}
	}
	out := optionsJSON{
		RequestType:         o.RequestType,
		ConversationID:      o.ConversationId,
		SequenceCode:        o.SequenceCode,
		CallsInConversation: o.CallsInConversation,
		Priority:            o.Priority,
		FailOn:              o.FailOn,
		ScheduledTime:       timeOfMilli(o.ScheduledTimeMs),
		StartBy:             timeOfMilli(o.StartByMs),
		Properties:          orAbsent(o.Properties),
	}
	for _, r := range o.SendResponseTo {
		out.SendResponseTo = append(out.SendResponseTo, responseJSON{
			ResponseType:    r.GetResponseType(),
			ResponseAddress: r.GetResponseAddress(),
			RespondWhen:     r.GetRespondWhen(),
			IncludeResults:  r.GetIncludeResults(),
			IncludeObjects:  r.GetIncludeObjects(),
			OnlyIncludeBase: r.GetOnlyIncludeBase(),
		})
	}
	return out
}

func timeOfMilli(ms *int64) *time.Time {
	if ms == nil {
		return nil
	}
	t := time.UnixMilli(*ms).UTC()
	return &t
}
