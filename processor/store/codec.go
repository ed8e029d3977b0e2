package store

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// format is the version of the state's encoding, the first byte of every value of the changelog.
const format = 1

// formatTells is the version of a conversation whose end is told: one that does not know of it would write it again without.
const formatTells = 2

// FormatError is a state record that this version cannot read: it was written by a newer one, or it is damaged.
// The partition must not go on without it.
type FormatError struct {
	// Key is that of the record, with its partition.
	Key []byte
	Err error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("state record %q: %v; it was written by a newer version of parley, or it is damaged", e.Key, e.Err)
}

// Partition is that of the record.
func (e *FormatError) Partition() int32 { return int32(binary.BigEndian.Uint16(e.Key)) }

// Record is the key that the record has in the changelog.
func (e *FormatError) Record() []byte { return e.Key[2:] }

func (e *FormatError) Unwrap() error { return e.Err }

func encode(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.MarshalAppend([]byte{format}, m)
}

func decode(key, value []byte, m proto.Message) error { return decodeAs(format, key, value, m) }

func decodeAs(version byte, key, value []byte, m proto.Message) error {
	if len(value) == 0 || value[0] != version {
		return &FormatError{Key: key, Err: fmt.Errorf("unknown format %d", first(value))}
	}
	if err := proto.Unmarshal(value[1:], m); err != nil {
		return &FormatError{Key: key, Err: err}
	}
	return nil
}

func first(value []byte) int {
	if len(value) == 0 {
		return 0
	}
	return int(value[0])
}

// record is a conversation as it is stored: its state and, once it has ended, the contents of its parts.
type record struct {
	state conversation.State
	// contents has the content of part k at k-1. Empty unless the conversation has ended.
	contents []uint64
	// payloadBytes are those of the calls that are kept of the conversation's parts.
	payloadBytes int64
}

// count takes down that calls of so many bytes have come, or gone. One that has ended and keeps none has no bytes, whatever
// was counted of it.
func (r *record) count(bytes int64) {
	r.payloadBytes = max(0, r.payloadBytes+bytes)
	if r.state.Phase == conversation.New || r.state.Phase == conversation.Ended && r.state.Kept.From == 0 {
		r.payloadBytes = 0
	}
}

// usage is what the conversation adds to that of its account.
func (r *record) usage() schemas.AccountUsage {
	if r.state.Phase == conversation.Ended {
		return schemas.AccountUsage{KeptBytes: r.payloadBytes}
	}
	return schemas.AccountUsage{OpenCalls: r.state.Open(), StagedBytes: r.payloadBytes}
}

func encodeRecord(r record) ([]byte, error) {
	s := r.state
	m := &parleyv1.ConversationState{
		Phase:       int32(s.Phase),
		Single:      s.Single,
		Calls:       s.Calls,
		End:         string(s.End),
		Contents:    packContents(r.contents),
		ForgetAtMs:  schemas.MilliOf(s.ForgetAt),
		ContinuedBy: s.ContinuedBy,
	}
	if s.Phase == conversation.Ended && s.Kept.From == 0 && s.ContinuedBy == "" {
		return encode(m) // the marker: the record in ClickHouse has the rest
	}
	m.DeadlineMs = schemas.MilliOf(s.Deadline)
	m.AcceptedAtMs = schemas.MilliOf(s.AcceptedAt)
	m.StartedAtMs = schemas.MilliOf(s.StartedAt)
	m.StartByMs = schemas.MilliOf(s.StartBy)
	m.ReadyOffset, m.ReadyAtMs = s.Ready, schemas.MilliOf(s.ReadyAt)
	m.Priority, m.Scheduled = int32(s.Priority), s.Scheduled
	m.Processed, m.Errors = s.Processed, s.Errors
	m.Continues = s.Continues
	m.Turn, m.Attempt, m.Route, m.Progress = s.Turn.SequenceCode, s.Turn.Attempt, s.Turn.Route, s.Turn.Progress
	m.NotBeforeMs = schemas.MilliOf(s.Turn.NotBefore)
	m.TurnStartedAtMs = schemas.MilliOf(s.Turn.StartedAt)
	m.LostAtMs, m.AnswerByMs = schemas.MilliOf(s.Turn.LostAt), schemas.MilliOf(s.Turn.AnswerBy)
	m.KeptFrom, m.KeptFailed, m.KeptUntilMs = s.Kept.From, s.Kept.Failed, schemas.MilliOf(s.Kept.Until)
	m.EndedAtMs, m.Code, m.Message = schemas.MilliOf(s.EndedAt), string(s.Code), s.Message
	m.Tells = s.Tells
	if s.Phase == conversation.Ended { // while Staging it follows from the parts, and in Processing all have arrived
		m.Received = s.Received
	}
	value, err := encode(m)
	if s.Tells && err == nil {
		value[0] = formatTells
	}
	return value, err
}

// stored is a record as the store has it. Its value in the changelog leaves out what follows from the records of the
// parts: which have arrived (or each would add a record that grows with their number), and how many bytes they have. What
// is returned may share memory with value.
func (r record) stored(value []byte) []byte {
	if r.state.Phase == conversation.Staging {
		value = protowire.AppendTag(value, receivedField, protowire.BytesType)
		value = protowire.AppendBytes(value, r.state.Received)
	}
	if r.payloadBytes > 0 {
		value = protowire.AppendTag(value, payloadBytesField, protowire.VarintType)
		value = protowire.AppendVarint(value, uint64(r.payloadBytes))
	}
	return value
}

// The numbers of the fields of ConversationState that stored adds.
const (
	receivedField     = 4
	payloadBytesField = 34
)

func decodeRecord(key, value []byte) (record, error) {
	var m parleyv1.ConversationState
	version := byte(format)
	if first(value) == formatTells {
		version = formatTells
	}
	if err := decodeAs(version, key, value, &m); err != nil {
		return record{}, err
	}
	r := record{
		state: conversation.State{
			Phase:      conversation.Phase(m.Phase),
			Single:     m.Single,
			Calls:      m.Calls,
			Received:   m.Received,
			Deadline:   schemas.InstantOf(m.DeadlineMs),
			StartBy:    schemas.InstantOf(m.StartByMs),
			Priority:   schemas.Priority(m.Priority),
			Scheduled:  m.Scheduled,
			Tells:      m.Tells,
			AcceptedAt: schemas.InstantOf(m.AcceptedAtMs),
			StartedAt:  schemas.InstantOf(m.StartedAtMs),
			Ready:      m.ReadyOffset,
			ReadyAt:    schemas.InstantOf(m.ReadyAtMs),
			Processed:  m.Processed,
			Errors:     m.Errors,
			Turn: conversation.Turn{
				SequenceCode: m.Turn,
				Route:        m.Route,
				Attempt:      m.Attempt,
				NotBefore:    schemas.InstantOf(m.NotBeforeMs),
				StartedAt:    schemas.InstantOf(m.TurnStartedAtMs),
				LostAt:       schemas.InstantOf(m.LostAtMs),
				AnswerBy:     schemas.InstantOf(m.AnswerByMs),
				Progress:     m.Progress,
			},
			Continues:   m.Continues,
			ContinuedBy: m.ContinuedBy,
			End:         schemas.ConversationStatus(m.End),
			Code:        schemas.Code(m.Code),
			Message:     m.Message,
			EndedAt:     schemas.InstantOf(m.EndedAtMs),
			Kept:        conversation.Kept{From: m.KeptFrom, Failed: m.KeptFailed, Until: schemas.InstantOf(m.KeptUntilMs)},
			ForgetAt:    schemas.InstantOf(m.ForgetAtMs),
		},
		contents:     unpackContents(m.Contents),
		payloadBytes: m.PayloadBytes,
	}
	if r.state.Phase == conversation.Processing {
		r.state.Received = conversation.All(m.Calls)
	}
	return r, nil
}

// packContents leaves out the zeros at the end: most parts of a conversation that timed out never came.
func packContents(contents []uint64) []byte {
	for len(contents) > 0 && contents[len(contents)-1] == 0 {
		contents = contents[:len(contents)-1]
	}
	b := make([]byte, 0, 8*len(contents))
	for _, c := range contents {
		b = binary.BigEndian.AppendUint64(b, c)
	}
	return b
}

func unpackContents(b []byte) []uint64 {
	var out []uint64
	for ; len(b) >= 8; b = b[8:] {
		out = append(out, binary.BigEndian.Uint64(b))
	}
	return out
}
