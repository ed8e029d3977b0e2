package extract

import (
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/google/uuid"

	"parley/schemas"
)

// row is a row of the view results.
type row struct {
	account, conversationID string
	requestID               uuid.UUID
	sequenceCode, ordinal   int32
	correlationID           string
	method, objectType      string
	customerKey             string
	status                  string
	errorCode, message      string
	acceptedAt, completedAt time.Time
	startedAt               *time.Time
	partition               int32
	sequence                int64
}

// blockOf returns a block of rows, with some columns; nil: all.
func blockOf(columns []string, rows ...row) *block {
	if columns == nil {
		columns = schemas.ResultColumns()
	}
	b, err := newBlock(columns)
	if err != nil {
		panic(err)
	}
	for _, r := range rows {
		for _, name := range b.hidden { // they are read in any case
			(&r).appendTo(map[string]column{"partition": b.partition, "sequence": b.sequence, "ordinal": b.ordinal}[name], name)
		}
		for i, name := range columns {
			(&r).appendTo(b.columns[i], name)
		}
	}
	return b
}

// text is the value of a column of texts.
func (r *row) text(name string) string {
	switch name {
	case "account":
		return r.account
	case "conversation_id":
		return r.conversationID
	case "correlation_id":
		return r.correlationID
	case "method":
		return r.method
	case "object_type":
		return r.objectType
	case "customer_key":
		return r.customerKey
	case "status":
		return r.status
	case "error_code":
		return r.errorCode
	}
	return r.message
}

func (r *row) appendTo(c column, name string) {
	switch c := c.(type) {
	case *text:
		c.Append(r.text(name))
	case *word:
		c.append(r.text(name))
	case *id:
		c.Append(r.requestID)
	case *integer:
		c.Append(map[string]int32{"sequence_code": r.sequenceCode, "ordinal": r.ordinal, "partition": r.partition}[name])
	case *long:
		c.Append(r.sequence)
	case *instant:
		at := r.completedAt
		if name == "accepted_at" {
			at = r.acceptedAt
		}
		c.Data = append(c.Data, proto.DateTime64(at.UnixMilli()))
	case *maybeInstant:
		if r.startedAt == nil {
			c.Nulls, c.values.Data = append(c.Nulls, 1), append(c.values.Data, 0)
			return
		}
		c.Nulls, c.values.Data = append(c.Nulls, 0), append(c.values.Data, proto.DateTime64(r.startedAt.UnixMilli()))
	}
}

// append appends a word to the dictionary, and its number.
func (c *word) append(value string) {
	c.dictionary.Append(value)
	c.Key = proto.KeyUInt32
	c.AppendKey(c.dictionary.Rows() - 1)
}

func at(milli int64) time.Time { return time.UnixMilli(milli).UTC() }

// goldenRows have all that formats must take care of.
func goldenRows() []row {
	begun := at(1_790_000_000_123)
	return []row{
		{
			account: "acc", conversationID: "order-1234", requestID: uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120002"), sequenceCode: 1, correlationID: "a",
			method: "Create", objectType: "DataExtensionObject", customerKey: "row-1", status: "OK",
			acceptedAt: at(1_790_000_000_000), startedAt: &begun, completedAt: at(1_790_000_001_999), partition: 3, sequence: 1041,
		},
		{
			account: "acc", conversationID: "a, \"b\"\r\nc \u2028 ü 雪 \U0001f600", requestID: uuid.MustParse("ffffffff-ffff-4fff-bfff-ffffffffffff"), sequenceCode: 2147483647, ordinal: 999,
			correlationID: "\t\x00\x1f\\", method: "Perform", objectType: "Send", customerKey: "'; DROP", status: "Error", errorCode: "CallFailed", message: "line 1\nline 2, said \"she\"",
			acceptedAt: at(0), completedAt: at(10_413_791_999_999), partition: 47, sequence: 9_223_372_036_854_775_807,
		},
		{
			account: "acc", requestID: uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120003"), sequenceCode: 1, correlationID: "<a>&", method: "Delete", objectType: "", status: "NotProcessed",
			acceptedAt: at(1), startedAt: &begun, completedAt: at(1000), partition: 47, sequence: 9_223_372_036_854_775_807, ordinal: 2,
		},
	}
}
