package exacttarget

import (
	"time"

	"parley/internal/partnerapi"
	"parley/schemas"
)

// Row is what is known of an object that is retrieved: the result of an object of a call, or of the call.
type Row struct {
	// Created is when the call was accepted, Modified when it ended.
	Created, Modified         time.Time
	RequestID, ConversationID string
	// CustomerKey, CorrelationID, ObjectType and Ordinal are of the object.
	CustomerKey, CorrelationID, ObjectType string
	Ordinal                                int
	StatusCode, StatusMessage              string
	ErrorCode                              int
	// SequenceCode and CallsInConversation are zero for a call without conversation.
	SequenceCode, CallsInConversation int32

	call *schemas.CallResource // of a ResultMessage
}

// items are the rows of the objects of a call that has ended.
func items(c *schemas.CallResource) []Row {
	results := partnerapi.ResultsOf(c)
	rows := make([]Row, len(c.Results))
	for i := range rows {
		r, from := &c.Results[i], &results[i]
		rows[i] = rowOf(c)
		rows[i].CustomerKey, rows[i].CorrelationID, rows[i].ObjectType, rows[i].Ordinal = r.CustomerKey, r.CorrelationID, r.ObjectType, r.Ordinal
		rows[i].StatusCode, rows[i].StatusMessage, rows[i].ErrorCode = from.StatusCode, from.StatusMessage, from.ErrorCode
	}
	return rows
}

// message is the row of a call that has ended. Its error is that of the first object that has one.
func message(c *schemas.CallResource) Row {
	row := rowOf(c)
	row.StatusCode, row.StatusMessage = partnerapi.OverallStatus(c.Status), c.Message
	for _, r := range partnerapi.ResultsOf(c) {
		if r.ErrorCode != 0 {
			row.StatusMessage, row.ErrorCode = r.StatusMessage, r.ErrorCode
			break
		}
	}
	if c.ConversationID != "" {
		row.SequenceCode, row.CallsInConversation = c.SequenceCode, c.CallsInConversation
	}
	row.call = c
	return row
}

// rowOf is what all rows of a call have.
func rowOf(c *schemas.CallResource) Row {
	row := Row{RequestID: c.RequestID, ConversationID: c.ConversationID}
	if c.AcceptedAt != nil {
		row.Created = *c.AcceptedAt
	}
	if c.CompletedAt != nil {
		row.Modified = *c.CompletedAt
	}
	return row
}

// recorded are the calls that results belong to which a search has found, those of a call side by side. How many calls their
// conversations have is not known by them.
func recorded(found []schemas.RecordedResult) []schemas.CallResource {
	var calls []schemas.CallResource
	for i := range found {
		r := &found[i]
		if i == 0 || r.RequestID != found[i-1].RequestID {
			calls = append(calls, schemas.CallResource{
				RequestID: r.RequestID.String(), ConversationID: r.ConversationID, SequenceCode: r.SequenceCode, Method: r.Method,
				Status: schemas.OK, AcceptedAt: r.AcceptedAt, CompletedAt: r.CompletedAt,
			})
		}
		c := &calls[len(calls)-1]
		c.Results = append(c.Results, schemas.ResultResource{
			Ordinal: int(r.Ordinal), CorrelationID: r.CorrelationID, ObjectType: r.ObjectType, CustomerKey: r.CustomerKey,
			Status: r.Status, ErrorCode: r.ErrorCode, Message: r.Message,
		})
		if r.Status != schemas.OK {
			c.Errors++
		}
		switch c.Errors {
		case 0:
		case len(c.Results):
			c.Status = schemas.Error
		default:
			c.Status = schemas.HasErrors
		}
	}
	return calls
}

// detail is what the call came to, as the response to it would have been.
func (r *Row) detail() string {
	return string(partnerapi.AppendDetail(nil, r.call, partnerapi.WholeObject))
}
