package processor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

const (
	// A turn looks at so many parts, or bytes of them, for an erasure: what waits for the next turn waits a few
	// milliseconds.
	erasePartsMax = 2_000
	eraseBytesMax = 2 << 20
	// eraseEvery is how soon the next turn comes, if nothing else makes it come.
	eraseEvery = time.Millisecond
	// erasuresKept is for how long an erasure that has ended is known, so that whoever asked for it can be told.
	erasuresKept = time.Hour
)

// eraseRequested takes an erasure down. Its steps are taken in the turns after this one, when all that was accepted before it
// is committed.
func (t *turn) eraseRequested(p *partTurn, in *received) error {
	e := store.Erasure{Offset: in.record.Offset, Account: in.erase.Account, Subject: uint64(in.erase.Subject), DryRun: in.erase.DryRun}
	p.erasing = append(p.erasing, e)
	return p.tx.PutErasure(e)
}

// erase takes the next step of the first erasure of each partition that has not ended.
func (l *loop) erase(t *turn) error {
	for _, p := range l.partitions {
		i := p.nextErasure()
		if i < 0 {
			continue
		}
		if err := t.eraseSome(t.on(p), i); err != nil {
			return fmt.Errorf("erase: %w", err)
		}
	}
	return nil
}

// nextErasure is the first erasure that has not ended; negative: there is none.
func (p *partition) nextErasure() int {
	return slices.IndexFunc(p.erasures, func(e store.Erasure) bool { return e.EndedAt.IsZero() })
}

// eraseSome looks at some more parts. It comes first in a turn: what it finds is as it is committed, and no part that comes
// later in the turn is looked at before that is.
func (t *turn) eraseSome(p *partTurn, i int) error {
	e := &p.erasing[i]
	if e.Told {
		return t.eraseTold(p, e)
	}
	found, next, err := t.store.PartsAbout(p.id, e.Account, e.Subject, e.Cursor, store.Portion{Parts: erasePartsMax, Bytes: eraseBytesMax})
	if err != nil {
		return err
	}
	for _, at := range found {
		if err := t.erasePart(p, e, at); err != nil {
			return err
		}
	}
	e.Cursor, e.Told = next, next == nil
	return p.tx.PutErasure(*e)
}

// eraseTold looks at some more of what is told of calls that have ended. It comes after all parts: what ends later has them
// without the data.
func (t *turn) eraseTold(p *partTurn, e *store.Erasure) error {
	found, next, err := t.store.ToldAbout(p.id, e.Account, e.Subject, e.Cursor, store.Portion{Parts: erasePartsMax, Bytes: eraseBytesMax})
	if err != nil {
		return err
	}
	for _, key := range found {
		if e.DryRun {
			break
		}
		if err := p.tx.EraseTold(key, e.Subject); err != nil {
			return err
		}
	}
	if e.Cursor = next; next == nil {
		e.EndedAt, e.Sequence = t.now, p.tx.Meta.Sequence
	}
	return p.tx.PutErasure(*e)
}

func (t *turn) erasePart(p *partTurn, e *store.Erasure, at store.PartPlace) error {
	state, err := p.tx.Conversation(at.Conversation)
	if err != nil {
		return err
	}
	part, err := p.tx.Part(at.Conversation, at.SequenceCode)
	if err != nil {
		return err
	}
	call, err := part.Decode()
	if err != nil {
		return err
	}
	from := int32(1)
	if !e.DryRun && state.Phase == conversation.Processing && state.Turn.SequenceCode == at.SequenceCode {
		from = t.withoutFrom(p, at.Conversation, state)
	}
	erased, objects := withoutSubject(call, e.Subject, from)
	if e.Objects += int64(objects); state.Phase == conversation.Ended {
		e.Kept++
	} else {
		e.Open++
	}
	if e.DryRun {
		return nil
	}
	part.Call, part.Message, part.Erased = nil, erased, true
	p.tx.ReplacePart(at.Conversation, at.SequenceCode, part)
	return t.eraseEarly(p, part.RequestID)
}

// withoutFrom is the first attempt at the part in turn that goes without what is being erased: the one that it waits for,
// which is taken back until its payload is another, or the next, when that one has begun.
func (t *turn) withoutFrom(p *partTurn, key schemas.ConversationKey, s conversation.State) int32 {
	if !s.Turn.AnswerBy.IsZero() || !s.Turn.LostAt.IsZero() || !t.dispatch.recall(key) {
		return s.Turn.Attempt + 1
	}
	t.withdrawn = append(t.withdrawn, key)
	if s.Queued() {
		p.releases = append(p.releases, release{partition: p.id, key: key, state: s})
	}
	return s.Turn.Attempt
}

// withoutSubject is a call without the data of a subject, and how many of its objects had some. Those keep their places, so
// that results are told apart as before.
func withoutSubject(call *parleyv1.Call, subject uint64, from int32) (*parleyv1.Call, int) {
	erased, objects := proto.CloneOf(call), 0
	for i, o := range erased.Objects {
		if schemas.Subject(call.Account, o.SubscriberKey) == subject {
			erased.Objects[i] = &parleyv1.Object{Type: o.Type, CorrelationId: o.CorrelationId, Erased: from}
			objects++
		}
	}
	return erased, objects
}

// eraseEarly takes the texts out of an answer that came before its call waits for one.
func (t *turn) eraseEarly(p *partTurn, id schemas.RequestID) error {
	if p.tx.Meta.Early == 0 {
		return nil
	}
	a, _, err := p.tx.Answer(id)
	if err != nil || len(a.Early) == 0 {
		return err
	}
	said, problem := schemas.DecodeAnswer(a.Early)
	if problem != nil {
		return problem // it was decoded before it was kept
	}
	said.Message = ""
	for i := range said.Results {
		said.Results[i].Message = ""
	}
	if a.Early, err = schemas.EncodeAnswer(said); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return p.tx.PutAnswer(id, a)
}

// lateOutcome is what an answer means for a call that is or was in turn.
func lateOutcome(a *schemas.Answer, call *parleyv1.Call, attempt int32) conversation.Outcome {
	return withoutWords(executor.LateOutcome(a, call, attempt), call)
}

// withoutWords leaves out what an outcome says of objects that have been erased since they went out: not how they ended,
// but the text.
func withoutWords(o conversation.Outcome, call *parleyv1.Call) conversation.Outcome {
	if !slices.ContainsFunc(call.Objects, func(o *parleyv1.Object) bool { return o.Erased > 0 }) {
		return o
	}
	o.Results = slices.Clone(o.Results)
	for i, object := range call.Objects {
		if object.Erased == 0 || len(o.Results) > 0 && o.Results[i].Withheld {
			continue
		}
		if o.Message = ""; len(o.Results) > 0 {
			o.Results[i].Message = ""
		}
	}
	return o
}

// forgetErasures forgets erasures that ended long ago.
func (t *turn) forgetErasures(p *partTurn) {
	p.erasing = slices.DeleteFunc(p.erasing, func(e store.Erasure) bool {
		old := !e.EndedAt.IsZero() && t.now.Sub(e.EndedAt) > erasuresKept
		if old {
			p.tx.DropErasure(e.Offset)
		}
		return old
	})
}

// Erasures tells how far the erasures have come whose records were appended at the places of the query, of the partitions
// that are asked: of none, when some of them are not owned. schemas.ErrUnavailable: one has not been read yet, or has been
// forgotten.
func (p *Processor) Erasures(ctx context.Context, q schemas.ErasureQuery, in ...int32) ([]schemas.ErasureProgress, error) {
	var out []schemas.ErasureProgress
	var missing []int32
	for _, at := range q.Commands {
		if !slices.Contains(in, at.Partition) {
			continue
		}
		progress, err := p.erasure(ctx, at)
		if _, elsewhere := errors.AsType[*schemas.NotOwnedError](err); elsewhere {
			missing = append(missing, at.Partition)
		} else if err != nil {
			return nil, err
		}
		out = append(out, progress)
	}
	if len(missing) > 0 {
		return nil, notOwned(missing...)
	}
	return out, nil
}

func (p *Processor) erasure(ctx context.Context, at schemas.Position) (schemas.ErasureProgress, error) {
	if err := p.live.passed(ctx, at); err != nil {
		return schemas.ErasureProgress{}, err
	}
	return glance(p.live, at.Partition, func(v *lookup) (schemas.ErasureProgress, error) {
		e, known, err := v.Erasure(at.Offset)
		if err == nil && !known {
			err = fmt.Errorf("the erasure at %d/%d is not known: %w", at.Partition, at.Offset, schemas.ErrUnavailable)
		}
		return schemas.ErasureProgress{
			Partition: at.Partition,
			Ended:     !e.EndedAt.IsZero(),
			Open:      e.Open,
			Kept:      e.Kept,
			Objects:   e.Objects,
			Sequence:  e.Sequence,
		}, err
	})
}
