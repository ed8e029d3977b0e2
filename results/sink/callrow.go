package sink

import (
	"encoding/hex"

	"github.com/google/uuid"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// callRow is a row of calls_log.
type callRow struct {
	event event
	call  *parleyv1.CallEvent
	// The call's objects, those that were carried out, and those of them that failed.
	total, processed, errors int32
}

func newCallRow(e event, c *parleyv1.CallEvent) callRow {
	r := callRow{event: e, call: c, total: int32(len(c.Results))}
	for _, o := range c.Results {
		if schemas.ResultStatus(o.Status).CarriedOut() {
			r.processed++
		}
		if schemas.ResultStatus(o.Status) == schemas.Error {
			r.errors++
		}
	}
	return r
}

func callColumns() []column[callRow] {
	return []column[callRow]{
		wordOf("account", func(r *callRow) string { return r.event.Account }),
		of("conversation_id", func(r *callRow) string { return r.call.ConversationId }),
		of("request_id", func(r *callRow) uuid.UUID { return r.event.request }),
		of("sequence_code", func(r *callRow) int32 { return r.call.SequenceCode }),
		of("calls_in_conversation", func(r *callRow) int32 { return r.call.CallsInConversation }),
		wordOf("method", func(r *callRow) string { return r.call.Method }),
		wordOf("action", func(r *callRow) string { return r.call.Action }),
		wordOf("status", func(r *callRow) string { return r.call.Status }),
		wordOf("error_code", func(r *callRow) string { return r.call.ErrorCode }),
		of("message", func(r *callRow) string { return r.call.Message }),
		of("attempts", func(r *callRow) int32 { return r.call.Attempts }),
		of("total", func(r *callRow) int32 { return r.total }),
		of("processed", func(r *callRow) int32 { return r.processed }),
		of("errors", func(r *callRow) int32 { return r.errors }),
		of("accepted_at", func(r *callRow) int64 { return r.call.AcceptedAtMs }),
		of("started_at", func(r *callRow) *int64 { return orNull(&r.call.StartedAtMs) }),
		of("completed_at", func(r *callRow) int64 { return r.call.CompletedAtMs }),
		of("partition", func(r *callRow) int32 { return r.event.Partition }),
		of("sequence", func(r *callRow) int64 { return r.event.Sequence }),
		of("digest", func(r *callRow) string { return string(r.call.Digest) }),
		wordOf("route", func(r *callRow) string { return r.call.Route }),
		of("content", func(r *callRow) uint64 { return r.call.Content }),
		of("trace_id", func(r *callRow) string { return hex.EncodeToString(r.call.TraceId) }),
		of("told", func(r *callRow) int32 { return r.call.Told }),
	}
}
