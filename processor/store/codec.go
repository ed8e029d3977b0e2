package store

import (
	"encoding/binary"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// format is the version of the state's encoding, the first byte of every value of the changelog.
const format = 1

// FormatError is a state record that this version cannot read: it was written by a newer one, or it is damaged.
// The partition must not go on without it.
type FormatError struct {
	Key []byte
	Err error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("state record %q: %v; it was written by a newer version of parley, or it is damaged", e.Key, e.Err)
}

func (e *FormatError) Unwrap() error { return e.Err }

func encode(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.MarshalAppend([]byte{format}, m)
}

func decode(key, value []byte, m proto.Message) error {
	if len(value) == 0 || value[0] != format {
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
}

func encodeRecord(r record) ([]byte, error) {
	s := r.state
	if s.Phase == conversation.Ended {
		return encode(&parleyv1.ConversationState{
			Phase:    int32(s.Phase),
			Single:   s.Single,
			Calls:    s.Calls,
			End:      string(s.End),
			Contents: packContents(r.contents),
		})
	}
	return encode(&parleyv1.ConversationState{
		Phase:        int32(s.Phase),
		Single:       s.Single,
		Calls:        s.Calls,
		Received:     s.Received,
		DeadlineMs:   schemas.MilliOf(s.Deadline),
		AcceptedAtMs: schemas.MilliOf(s.AcceptedAt),
		StartedAtMs:  schemas.MilliOf(s.StartedAt),
		ReadyOffset:  s.Ready,
		Turn:         s.Turn,
		Attempt:      s.Attempt,
		RetryAtMs:    schemas.MilliOf(s.RetryAt),
		Processed:    s.Processed,
		Errors:       s.Errors,
	})
}

func decodeRecord(key, value []byte) (record, error) {
	var m parleyv1.ConversationState
	if err := decode(key, value, &m); err != nil {
		return record{}, err
	}
	return record{
		state: conversation.State{
			Phase:      conversation.Phase(m.Phase),
			Single:     m.Single,
			Calls:      m.Calls,
			Received:   m.Received,
			Deadline:   instant(m.DeadlineMs),
			AcceptedAt: instant(m.AcceptedAtMs),
			StartedAt:  instant(m.StartedAtMs),
			Ready:      m.ReadyOffset,
			Turn:       m.Turn,
			Attempt:    m.Attempt,
			RetryAt:    instant(m.RetryAtMs),
			Processed:  m.Processed,
			Errors:     m.Errors,
			End:        schemas.ConversationStatus(m.End),
		},
		contents: unpackContents(m.Contents),
	}, nil
}

func packContents(contents []uint64) []byte {
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

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
