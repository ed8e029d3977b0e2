package sink

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	driver "github.com/ClickHouse/clickhouse-go/v2/lib/column"
)

// reason is why nothing could be written, in the words of the metrics.
type reason string

const (
	reasonKafka       reason = "kafka"
	reasonUnreachable reason = "unreachable"
	reasonSlow        reason = "slow"
	reasonReadOnly    reason = "read_only"
	reasonDisk        reason = "disk"
	reasonMemory      reason = "memory"
	reasonParts       reason = "parts"
	reasonSchema      reason = "schema"
	reasonAccess      reason = "access"
	reasonOther       reason = "other"
)

// remedies has every reason, and what whoever reads the log can do about it. None ends by itself but for the first three.
var remedies = map[reason]string{
	reasonKafka:       "nothing, if the brokers are there again or the partitions have another owner; else see what keeps them",
	reasonUnreachable: "start ClickHouse, or correct its address in PARLEY_CLICKHOUSE_DSN",
	reasonSlow:        "see what keeps ClickHouse busy (system.processes, system.merges); each insert has PARLEY_SINK_INSERT_TIMEOUT",
	reasonReadOnly:    "let the user and the tables be written: its profile without readonly, the tables without table_readonly, replicas with their Keeper",
	reasonDisk:        "give the disk of ClickHouse room, or the tables a shorter TTL",
	reasonMemory:      "give ClickHouse more memory, or blocks fewer rows: PARLEY_SINK_BLOCK_ROWS",
	reasonParts:       "see why merges do not keep up (system.merges, SYSTEM START MERGES), or wait longer for fuller blocks: PARLEY_SINK_BLOCK_WAIT",
	reasonSchema:      "bring the tables back to what the migrations make of them; where one was dropped, restore it from a backup",
	reasonAccess:      "let the user of PARLEY_CLICKHOUSE_DSN in, and grant it INSERT, SELECT, ALTER, CREATE and DROP on the database",
	reasonOther:       "see the error",
}

// reasonOfCode has the exceptions of ClickHouse that a remedy is known for, by their codes (src/Common/ErrorCodes.cpp).
var reasonOfCode = map[int32]reason{
	159: reasonSlow, // TIMEOUT_EXCEEDED
	202: reasonSlow, // TOO_MANY_SIMULTANEOUS_QUERIES
	209: reasonSlow, // SOCKET_TIMEOUT
	319: reasonSlow, // UNKNOWN_STATUS_OF_INSERT

	164: reasonReadOnly, // READONLY
	225: reasonReadOnly, // NO_ZOOKEEPER
	242: reasonReadOnly, // TABLE_IS_READ_ONLY
	774: reasonReadOnly, // a table with the setting table_readonly
	999: reasonReadOnly, // KEEPER_EXCEPTION

	74:  reasonDisk, // CANNOT_READ_FROM_FILE_DESCRIPTOR
	75:  reasonDisk, // CANNOT_WRITE_TO_FILE_DESCRIPTOR
	76:  reasonDisk, // CANNOT_OPEN_FILE
	243: reasonDisk, // NOT_ENOUGH_SPACE

	241: reasonMemory, // MEMORY_LIMIT_EXCEEDED
	252: reasonParts,  // TOO_MANY_PARTS

	10: reasonSchema, // NOT_FOUND_COLUMN_IN_BLOCK
	16: reasonSchema, // NO_SUCH_COLUMN_IN_TABLE
	47: reasonSchema, // UNKNOWN_IDENTIFIER
	53: reasonSchema, // TYPE_MISMATCH
	60: reasonSchema, // UNKNOWN_TABLE
	81: reasonSchema, // UNKNOWN_DATABASE

	192: reasonAccess, // UNKNOWN_USER
	193: reasonAccess, // WRONG_PASSWORD
	194: reasonAccess, // REQUIRED_PASSWORD
	497: reasonAccess, // ACCESS_DENIED
	516: reasonAccess, // AUTHENTICATION_FAILED
}

// kafkaError is an error of Kafka, on the way of a block into ClickHouse.
type kafkaError struct{ error }

func (e kafkaError) Unwrap() error { return e.error }

// reasonOf tells why a write failed.
func reasonOf(err error) reason {
	var (
		kafka   kafkaError
		refused *clickhouse.Exception
		column  *driver.ColumnConverterError
		network net.Error
	)
	switch {
	case errors.As(err, &kafka):
		return reasonKafka
	case errors.As(err, &refused):
		if r, known := reasonOfCode[refused.Code]; known {
			return r
		}
		return reasonOther
	case errors.As(err, &column):
		return reasonSchema // a column is of another type than ours
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return reasonSlow
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return reasonUnreachable
	}
	return reasonOther
}

// sayEvery is how often the log tells of a trouble that lasts.
const sayEvery = time.Minute

// trouble is what keeps a member from writing, from the first attempt that failed to the one that does not. Zero: nothing does.
type trouble struct {
	reason   reason
	attempts int
	since    time.Time
	said     time.Time
}

// add notes a failed attempt, and reports whether the log is to be told: of each new reason, and every minute.
func (t *trouble) add(r reason, now time.Time) (say bool) {
	if t.attempts == 0 {
		t.since = now
	}
	t.attempts++
	say = r != t.reason || now.Sub(t.said) >= sayEvery
	if say {
		t.said = now
	}
	t.reason = r
	return say
}
