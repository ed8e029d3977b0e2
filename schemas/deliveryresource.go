package schemas

import (
	"slices"
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

// Told is the place of the event of an end of which somebody is told, and of how many receivers deliveries say what came of it,
// now or later. The zero Told: nobody is.
type Told struct {
	Partition int32
	Sequence  int64
	Receivers int
}

// DeliveriesQuery asks for the deliveries of ends, as the owner of their partition knows them.
type DeliveriesQuery struct {
	Partition int32
	// Sequences are those of the events of the ends.
	Sequences []int64
}

// EndDeliveries are the deliveries of an end: those that have not ended, and those that have, as far as the owner has them still.
type EndDeliveries struct {
	Sequence   int64
	Deliveries []DeliveryResource
}

// WithLive returns the deliveries that the record has of an end, with those that the owner has told since: those that have not
// ended stand first.
func WithLive(recorded, live []DeliveryResource) []DeliveryResource {
	var out, ended []DeliveryResource
	rest := slices.Clone(recorded)
	for _, d := range live {
		if d.Status == DeliveryPending {
			out = append(out, d)
			continue
		}
		if i := slices.IndexFunc(rest, d.is); i >= 0 {
			rest = slices.Delete(rest, i, i+1) // it is the same
			continue
		}
		ended = append(ended, d)
	}
	return slices.Concat(out, recorded, ended)
}

// is reports whether two deliveries that have ended say the same.
func (d DeliveryResource) is(o DeliveryResource) bool {
	same := d.CompletedAt != nil && o.CompletedAt != nil && d.CompletedAt.Equal(*o.CompletedAt)
	d.CompletedAt, o.CompletedAt = nil, nil
	return same && d == o
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
