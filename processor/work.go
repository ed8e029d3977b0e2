package processor

import (
	"cmp"
	"fmt"
	"sync/atomic"
	"time"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// work is an attempt that was admitted: it waits in a line or is under way. Its fields do not change, but for those that
// say so.
type work struct {
	partition int32
	tenure    *tenure
	key       schemas.ConversationKey
	attempt   conversation.Execute
	class     *class
	// ready and readyAt are the conversation's place in the queue: see conversation.State.
	ready   int64
	readyAt time.Time
	// acceptedAt is when the first part of the conversation was.
	acceptedAt time.Time
	// startBy is set when the conversation expires unless it begins: then it is committed that it does, before.
	startBy bool
	// call is the payload of the part in turn; nil: it is in the store.
	call *parleyv1.Call

	stage atomic.Int32 // a stage
	line  atomic.Pointer[line]
	// by and lostAt are set when the attempt holds its place.
	by     *route.Route
	lostAt time.Time

	// The loop's own:

	// held is what call counts for in dispatcher.heldBytes.
	held int
	// uncommitted is set while the turn that released the attempt is not committed; before is what stood there, nil:
	// nothing. retracted is set when that turn came to nothing.
	uncommitted bool
	before      *work
	retracted   bool
	// taken is set when the loop has taken the request that it is to write.
	taken bool
}

// stage is how far an attempt has come.
type stage int32

const (
	// waiting: it begins when its turn comes.
	waiting stage = iota
	// withdrawn: it will not begin.
	withdrawn
	// holding: it has its place on the route, and waits for its intent to be committed.
	holding
	// begun: it was begun, and perhaps has ended.
	begun
)

func (w *work) is(s stage) bool { return stage(w.stage.Load()) == s }

// moves takes the attempt from one stage to the next; false: it is not at the first.
func (w *work) moves(from, to stage) bool { return w.stage.CompareAndSwap(int32(from), int32(to)) }

// compare orders attempts by when their conversations became ready.
func (w *work) compare(other *work) int {
	if c := w.readyAt.Compare(other.readyAt); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(w.ready, other.ready), cmp.Compare(w.key, other.key))
}

// load returns the call of an attempt, from the store unless it is held.
func (w *work) load(s *store.Store) (*parleyv1.Call, error) {
	if w.call != nil {
		return w.call, nil
	}
	p, ok, err := s.Part(w.partition, w.key, w.attempt.SequenceCode)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("part %d of %q is not in the store", w.attempt.SequenceCode, w.key)
	}
	return p.Decode()
}
