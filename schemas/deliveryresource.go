package schemas

import (
	"time"

	parleyv1 "parley/schemas/parley/v1"
)

// DeliveryResource is how far telling one receiver of the end of a call or a conversation has come.
type DeliveryResource struct {
	ResponseType    string         `json:"responseType"`
	ResponseAddress string         `json:"responseAddress"`
	Status          DeliveryStatus `json:"status"`
	// ErrorCode and Message are those of the last attempt that failed.
	ErrorCode Code   `json:"errorCode"`
	Message   string `json:"message"`
	Attempts  int32  `json:"attempts"`
	// NextAttemptAt is before when the next attempt does not begin; nil: the delivery has ended.
	NextAttemptAt *time.Time `json:"nextAttemptAt,omitempty"`
	CompletedAt   *time.Time `json:"completedAt,omitempty"`
}

// DeliveryResourceOf returns what the event of a delivery's end tells.
func DeliveryResourceOf(d *parleyv1.DeliveryEvent) DeliveryResource {
	return DeliveryResource{
		ResponseType:    d.GetResponseType(),
		ResponseAddress: d.GetResponseAddress(),
		Status:          DeliveryStatus(d.GetStatus()),
		ErrorCode:       Code(d.GetErrorCode()),
		Message:         d.GetMessage(),
		Attempts:        d.GetAttempts(),
		CompletedAt:     TimeOf(d.GetCompletedAtMs()),
	}
}

func (j *jsonText) deliveries(all []DeliveryResource) {
	for i := range all {
		if i == 0 {
			j.raw(`,"deliveries":[`)
		} else {
			j.raw(`,`)
		}
		d := &all[i]
		j.text(`{"responseType":`, d.ResponseType)
		j.text(`,"responseAddress":`, d.ResponseAddress)
		j.text(`,"status":`, string(d.Status))
		j.text(`,"errorCode":`, string(d.ErrorCode))
		j.text(`,"message":`, d.Message)
		j.number(`,"attempts":`, int64(d.Attempts))
		j.time(`,"nextAttemptAt":`, d.NextAttemptAt)
		j.time(`,"completedAt":`, d.CompletedAt)
		j.raw(`}`)
	}
	if len(all) > 0 {
		j.raw(`]`)
	}
}

func (t *tagged) deliveries(all []DeliveryResource) {
	t.numbers(int64(len(all)))
	for i := range all {
		d := &all[i]
		t.texts(d.ResponseType, d.ResponseAddress, string(d.Status), string(d.ErrorCode), d.Message)
		t.numbers(int64(d.Attempts))
		t.times(d.NextAttemptAt, d.CompletedAt)
	}
}
