package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"parley/ingest"
	"parley/internal/account"
	"parley/schemas"
)

// limitFlags are the limits of calls and of requests.
type limitFlags struct {
	CallBytesMax           byteCount     `default:"1MiB" env:"PARLEY_CALL_BYTES_MAX" placeholder:"BYTES" help:"The longest call, up to 8MiB; the same on all nodes." group:"Limits"`
	ObjectsMax             int           `default:"1000" env:"PARLEY_OBJECTS_MAX" placeholder:"N" help:"The most objects of a call, up to 3000; the same on all nodes." group:"Limits"`
	PartsMax               int32         `default:"10000" env:"PARLEY_PARTS_MAX" placeholder:"N" help:"The most calls of a conversation, up to 100000; the same on all nodes." group:"Limits"`
	ConversationIDBytesMax int           `name:"conversation-id-bytes-max" default:"200" env:"PARLEY_CONVERSATION_ID_BYTES_MAX" placeholder:"N" help:"The longest conversationId, up to 1000 bytes; the same on all nodes." group:"Limits"`
	NameBytesMax           int           `default:"4000" env:"PARLEY_NAME_BYTES_MAX" placeholder:"N" help:"The longest type, key, correlationId or action, up to 65536 bytes; the same on all nodes." group:"Limits"`
	ScheduleHorizon        time.Duration `default:"8784h" env:"PARLEY_SCHEDULE_HORIZON" placeholder:"DURATION" help:"How far ahead a call may be scheduled; the same on all nodes." group:"Limits"`
	TargetsMax             int           `default:"8" env:"PARLEY_TARGETS_MAX" placeholder:"N" help:"The most members of sendResponseTo of a call, up to 32; the same on all nodes." group:"Limits"`
	RequestCallsMax        int           `default:"10000" env:"PARLEY_REQUEST_CALLS_MAX" placeholder:"N" help:"The most calls of a request." group:"Limits"`
	RequestBytesMax        byteCount     `default:"64MiB" env:"PARLEY_REQUEST_BYTES_MAX" placeholder:"BYTES" help:"The longest body of a request, decompressed." group:"Limits"`
	BytesInFlightMax       byteCount     `default:"128MiB" env:"PARLEY_BYTES_IN_FLIGHT_MAX" placeholder:"BYTES" help:"All bodies that are being read or on their way to Kafka, in sum; beyond it requests are answered with 503. The memory used is about three times as much." group:"Limits"`
	WaitMax                time.Duration `default:"1m" env:"PARLEY_WAIT_MAX" placeholder:"DURATION" help:"The longest wait of a poll." group:"Limits"`
	SynchronousWait        time.Duration `default:"1m" env:"PARLEY_SYNCHRONOUS_WAIT" placeholder:"DURATION" help:"How long a Synchronous call is waited for before its request is answered with 504; the call goes on." group:"Limits"`
	WaitingMax             int           `default:"1000" env:"PARLEY_WAITING_MAX" placeholder:"N" help:"The most requests that wait for the end of their call at once, Synchronous or by Prefer: wait." group:"Limits"`
	StreamsMax             int           `default:"10000" env:"PARLEY_STREAMS_MAX" placeholder:"N" help:"The most streams of events (text/event-stream) that are open at once." group:"Limits"`
	StreamTimeMax          time.Duration `default:"15m" env:"PARLEY_STREAM_TIME_MAX" placeholder:"DURATION" help:"How long a stream of events is open at the most; its client comes again." group:"Limits"`
	ExtractsMax            int           `default:"8" env:"PARLEY_EXTRACTS_MAX" placeholder:"N" help:"The most extracts that are under way at once; beyond it they are answered with 503. Each takes a connection to ClickHouse and, as parquet, up to some 100 MB of memory." group:"Limits"`
	ExtractPatience        time.Duration `default:"30s" env:"PARLEY_EXTRACT_PATIENCE" placeholder:"DURATION" help:"How long the client of an extract may take nothing of it before it is left." group:"Limits"`
	ConnectionsMax         int           `default:"16384" env:"PARLEY_CONNECTIONS_MAX" placeholder:"N" help:"The most connections that are open at once; the next wait until one is closed." group:"Limits"`
	HeaderTimeout          time.Duration `default:"5s" env:"PARLEY_HEADER_TIMEOUT" placeholder:"DURATION" help:"How long the headers of a request may take." group:"Limits"`
	BodyTimeout            time.Duration `default:"10s" env:"PARLEY_BODY_TIMEOUT" placeholder:"DURATION" help:"How long a body may take, beyond a second for each MiB that has come; then its request is answered with 408." group:"Limits"`
	ProduceTimeout         time.Duration `default:"700ms" env:"PARLEY_PRODUCE_TIMEOUT" placeholder:"DURATION" help:"How long Kafka may stay silent before a request is answered with 503." group:"Limits"`
}

func (f limitFlags) calls() schemas.Limits {
	return schemas.Limits{
		CallBytesMax:           int(f.CallBytesMax),
		ObjectsMax:             f.ObjectsMax,
		PartsMax:               f.PartsMax,
		ConversationIDBytesMax: f.ConversationIDBytesMax,
		NameBytesMax:           f.NameBytesMax,
		ScheduleHorizon:        f.ScheduleHorizon,
		TargetsMax:             f.TargetsMax,
	}
}

func (f limitFlags) requests() ingest.RequestLimits {
	return ingest.RequestLimits{
		RequestCallsMax:  f.RequestCallsMax,
		RequestBytesMax:  int64(f.RequestBytesMax),
		BytesInFlightMax: int64(f.BytesInFlightMax),
		WaitMax:          f.WaitMax,
		SynchronousWait:  f.SynchronousWait,
		WaitingMax:       f.WaitingMax,
		StreamsMax:       f.StreamsMax,
		StreamTimeMax:    f.StreamTimeMax,
		ExtractsMax:      f.ExtractsMax,
		ExtractPatience:  f.ExtractPatience,
		ConnectionsMax:   f.ConnectionsMax,
		HeaderTimeout:    f.HeaderTimeout,
		BodyTimeout:      f.BodyTimeout,
		ProduceTimeout:   f.ProduceTimeout,
	}
}

// accountLimitFlags are the limits of accounts of which parley accounts says nothing else.
type accountLimitFlags struct {
	AccountRate        float64   `env:"PARLEY_ACCOUNT_RATE" placeholder:"N" help:"Calls a second that this node takes of an account by HTTP; 0: no limit. Of all four: parley accounts says what is different for one." group:"Limits of accounts"`
	AccountBurst       int       `env:"PARLEY_ACCOUNT_BURST" placeholder:"N" help:"How many of them may come at once; 0: as many as the rate allows in a second." group:"Limits of accounts"`
	AccountOpenCalls   int64     `env:"PARLEY_ACCOUNT_OPEN_CALLS" placeholder:"N" help:"Calls of an account that may be accepted and not have ended, on all nodes; 0: no limit." group:"Limits of accounts"`
	AccountStagedBytes byteCount `env:"PARLEY_ACCOUNT_STAGED_BYTES" placeholder:"BYTES" help:"Bytes of them, as 512MiB; 0: no limit." group:"Limits of accounts"`
}

func (f accountLimitFlags) accounts() account.Limits {
	return account.Limits{Rate: f.AccountRate, Burst: f.AccountBurst, OpenCalls: f.AccountOpenCalls, StagedBytes: int64(f.AccountStagedBytes)}
}

// byteCount is a number of bytes, given as 65536 or 64KiB.
type byteCount int64

// UnmarshalText reads what was given.
func (n *byteCount) UnmarshalText(text []byte) error {
	number, unit := string(text), int64(1)
	for suffix, bytes := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if before, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = strings.TrimSpace(before), bytes
			break
		}
	}
	v, err := strconv.ParseInt(number, 10, 64)
	if err != nil || v < 0 || v > math.MaxInt64/unit {
		return fmt.Errorf("%q is no number of bytes as 65536, 64KiB, 1MiB or 1GiB", text)
	}
	*n = byteCount(v * unit)
	return nil
}
