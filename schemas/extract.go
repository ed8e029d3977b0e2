package schemas

import "time"

// ExtractFormat is the form of an extract.
type ExtractFormat string

const (
	// ExtractCSV is RFC 4180, with a header row.
	ExtractCSV ExtractFormat = "csv"
	// ExtractJSONL is an object a line, in the order of the columns.
	ExtractJSONL ExtractFormat = "jsonl"
	// ExtractParquet is Apache Parquet.
	ExtractParquet ExtractFormat = "parquet"
)

// ExtractFormats are all there are.
func ExtractFormats() []ExtractFormat {
	return []ExtractFormat{ExtractCSV, ExtractJSONL, ExtractParquet}
}

// MediaType is the media type of an extract.
func (f ExtractFormat) MediaType() string {
	switch f {
	case ExtractJSONL:
		return "application/x-ndjson"
	case ExtractParquet:
		return "application/vnd.apache.parquet" // https://www.iana.org/assignments/media-types/application/vnd.apache.parquet
	}
	return "text/csv"
}

// ResultColumns are the columns of the view results, in its order. (account, partition, sequence, ordinal) is unique.
func ResultColumns() []string {
	return []string{
		"account", "conversation_id", "request_id", "sequence_code", "ordinal", "correlation_id", "method", "object_type", "customer_key",
		"status", "error_code", "message", "accepted_at", "started_at", "completed_at", "partition", "sequence",
	}
}

// ExtractQuery asks for the results of an account, in the order of partition, sequence and ordinal.
type ExtractQuery struct {
	Account string
	Format  ExtractFormat
	// Columns are some of ResultColumns, each once, in the order in which they are written. Nil: all.
	Columns []string
	// After is behind what the extract begins. Zero: before all.
	After Cursor
	// Until is how far it goes. Nil: as far as the record has come.
	Until *Cursor
	// From and To bound when the calls ended, to the millisecond: From inclusive, To exclusive. Zero: no bound.
	From, To time.Time
	// ConversationID is that of the calls that are asked for. Empty: any.
	ConversationID string
	// Statuses are those of the objects that are asked for. None: any.
	Statuses []ResultStatus
}
