package schemas

import "time"

// ResultsQuery asks for a page of the results of an account, those of refused and of unprocessed calls among them.
//
// Results come in the order in which they were recorded, of each partition of parley.calls; and of several partitions, the
// one goes on whose next result ended first. That is nearly the order of their ends, and unlike it known when a page is
// given: what is recorded later has its place behind the page.
type ResultsQuery struct {
	Account string
	ResultsFilter
	// After is the position behind which the page begins; the zero value: at the beginning.
	After Cursor
	// Limit is how many are asked for at the most, at least 1.
	Limit int
}

// ResultsFilter says which results are asked for: those for which all of it holds. Zero fields hold for every result.
type ResultsFilter struct {
	// ConversationID is also the request id of a call without one.
	ConversationID string
	RequestID      RequestID
	CorrelationID  string
	// Statuses are those of objects: one of them.
	Statuses    []ResultStatus
	ErrorCode   Code
	ObjectType  string
	CustomerKey string
	// From and To bound when the call ended, to the millisecond: From inclusive, To exclusive.
	From, To time.Time
}

// ResultsPage is a page of results.
type ResultsPage struct {
	Results []RecordedResult
	// Cursor is where the page ends. What is recorded later is found behind it.
	Cursor Cursor
	// More is set when there are more now, or may be. A search that passed over very many results may end a page before it
	// is full.
	More bool
}

// RecordedResult is the recorded outcome of one object, with what is recorded of its call: a row of the view results, as
// GET /v1/results answers it.
type RecordedResult struct {
	Account        string       `json:"account"`
	ConversationID string       `json:"conversationId"`
	RequestID      RequestID    `json:"requestId"`
	SequenceCode   int32        `json:"sequenceCode"`
	Ordinal        int32        `json:"ordinal"`
	CorrelationID  string       `json:"correlationId"`
	Method         string       `json:"method"`
	ObjectType     string       `json:"objectType"`
	CustomerKey    string       `json:"customerKey"`
	Status         ResultStatus `json:"status"`
	ErrorCode      Code         `json:"errorCode"`
	Message        string       `json:"message"`
	AcceptedAt     *time.Time   `json:"acceptedAt,omitempty"`
	StartedAt      *time.Time   `json:"startedAt,omitempty"`
	CompletedAt    *time.Time   `json:"completedAt,omitempty"`
	// Sequence is that of the call's event: see CallResource.
	Sequence string `json:"sequence"`
}
