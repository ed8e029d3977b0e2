package store

import (
	"encoding/binary"
	"fmt"

	"parley/processor/conversation"
	"parley/schemas"
)

// opens are the statuses of calls that have not ended, in the order of OpenCalls.
var opens = [...]schemas.CallStatus{schemas.Staged, schemas.Scheduled, schemas.Waiting, schemas.Executing, schemas.Deferred}

// The places of opens.
const (
	staged = iota
	scheduled
	waiting
	executing
	deferred
)

// OpenCalls counts calls that have not ended, by their status, as far as the state knows it: that a call is being executed
// it knows only when the attempt must not be repeated, and one stays Scheduled until its first attempt has ended.
type OpenCalls [len(opens)]int64

// ByStatus returns the counts, those that are zero too.
func (n *OpenCalls) ByStatus() map[schemas.CallStatus]int64 {
	out := make(map[schemas.CallStatus]int64, len(opens))
	for i, s := range opens {
		out[s] = n[i]
	}
	return out
}

// Execute counts the part in turn of a conversation, which is among the counted, as Executing: its attempt has begun.
func (n *OpenCalls) Execute(s conversation.State) {
	if from := inTurn(s); from == waiting || from == scheduled {
		n[from]--
		n[executing]++
	}
}

// openCalls are those of a conversation.
func openCalls(s conversation.State) (n OpenCalls) {
	switch s.Phase {
	case conversation.Staging:
		n[staged] = s.Open()
	case conversation.Processing:
		n[waiting] = s.Open() - 1
		n[inTurn(s)]++
	}
	return n
}

// inTurn is where the part in turn of a conversation stands that is Processing.
func inTurn(s conversation.State) int {
	switch turn := s.Turn; {
	case !turn.AnswerBy.IsZero():
		return deferred
	case !turn.LostAt.IsZero():
		return executing
	case turn.Attempt == 1 && !turn.NotBefore.IsZero():
		return scheduled
	}
	return waiting
}

// move counts a conversation as it is now, and no more as it was before.
func (n *OpenCalls) move(before, now conversation.State) {
	was, is := openCalls(before), openCalls(now)
	for i := range n {
		n[i] += is[i] - was[i]
	}
}

// OpenCalls returns the calls of the partition that have not ended.
func (v *View) OpenCalls() (OpenCalls, error) { return v.openCalls() }

func (r *reader) openCalls() (n OpenCalls, err error) {
	value, err := r.get(openCallsKey(r.partition))
	if err != nil || value == nil {
		return n, err
	}
	for i := range n {
		count, size := binary.Varint(value)
		if size <= 0 {
			return n, fmt.Errorf("open calls of partition %d: %d bytes are no number", r.partition, len(value))
		}
		n[i], value = count, value[size:]
	}
	return n, nil
}

func (n *OpenCalls) encode() []byte {
	b := make([]byte, 0, len(n)*binary.MaxVarintLen32)
	for _, count := range n {
		b = binary.AppendVarint(b, count)
	}
	return b
}

// addOpenCalls puts the new counts into the batch.
func (w *writer) addOpenCalls() error {
	if w.open == (OpenCalls{}) {
		return nil
	}
	r := reader{db: w.store.db, partition: w.partition}
	sum, err := r.openCalls()
	if err != nil {
		return err
	}
	for i, more := range w.open {
		sum[i] += more
	}
	c := Change{Key: openCallsKey(w.partition)}
	if sum != (OpenCalls{}) {
		c.Value = sum.encode()
	}
	w.put(c)
	return nil
}
