package ingest

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/telemetry"
	"parley/internal/topics"
	"parley/schemas"
)

// subject is the conversation that a command is about.
type subject struct {
	account string
	// conversationID is empty for a call without one, which its request id names; else the request id is nil.
	conversationID string
	id             schemas.RequestID
}

// requestID is the text of the request id; empty when the conversation has a ConversationID.
func (s subject) requestID() string {
	if s.conversationID != "" {
		return ""
	}
	return s.id.String()
}

// subjectOf tells which conversation was asked for: what looks like a request id may be a ConversationID, too. Its
// calls tell.
func subjectOf(q schemas.ConversationQuery, r schemas.ConversationResource) (subject, *schemas.Problem) {
	named := subject{account: q.Account, conversationID: q.ID}
	id, err := uuid.Parse(q.ID)
	switch {
	case err != nil:
		return named, nil
	case len(r.Calls) == 0:
		return subject{}, nobodyTells("conversation")
	case r.Calls[0].ConversationID == "":
		return subject{account: q.Account, id: id}, nil
	}
	return named, nil
}

// command makes the record of a command about a conversation, which goes where the records of its calls go.
func (r *recorder) command(kind string, about subject, value []byte) *kgo.Record {
	partition := topics.OfConversation(schemas.NewConversationKey(about.account, about.conversationID, about.id), r.log.Partitions)
	return r.commandAt(partition, kind, schemas.RecordKey(about.account, about.conversationID, about.id), value)
}

// commandAt makes the record of a command for the owner of a partition.
func (r *recorder) commandAt(partition int32, kind, key string, value []byte) *kgo.Record {
	return topics.Command(r.log.Topic, partition, kind, key, value)
}

// tell writes a command to the log and returns its place there.
func (s *Server) tell(ctx context.Context, record *kgo.Record) (*schemas.Position, *schemas.Problem) {
	l := s.budget.lease()
	defer l.release()
	f := s.producer.produce(ctx, []*kgo.Record{topics.WithTrace(record, telemetry.TraceOf(ctx))}, l)[0]
	if f.acknowledged() {
		return &f.Position, nil
	}
	if errors.Is(f.err, kerr.MessageTooLarge) {
		return nil, &schemas.Problem{Code: schemas.TooLarge, Detail: "the queue takes no record of this size"}
	}
	return nil, &schemas.Problem{Code: schemas.QueueUnavailable, Detail: "the queue did not take this in time, or it may yet; send it again, that is safe"}
}

// told asks the owner of a conversation how it stands, and the record only about what the owner has given up: a command
// must know what can still be done. Its error is a *schemas.Problem.
func (s *Server) told(ctx context.Context, q schemas.ConversationQuery) (schemas.ConversationResource, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	r, err := s.poller.live.Conversation(ctx, q)
	if err == nil {
		if whole, err := s.poller.whole(ctx, q, r); err == nil {
			return whole, nil
		}
		r.InRecord = nil
		return r, nil
	}
	_, recorded := errors.AsType[*schemas.RecordedError](err)
	if !recorded && !errors.Is(err, schemas.ErrUnknown) {
		s.poller.note(ctx, "live state", "conversation", err)
		return r, nobodyTells("conversation")
	}
	r, err = s.poller.record.Conversation(ctx, q)
	switch {
	case err == nil && r.Status.Final():
		return r, nil
	case errors.Is(err, schemas.ErrUnknown) && !recorded:
		return r, nobodyKnows("conversation")
	}
	s.poller.note(ctx, "record", "conversation", err)
	return r, nobodyTells("conversation")
}

// unheard says of a command that is in the log that its owner has not answered.
func unheard(err error) error {
	if p, ok := errors.AsType[*schemas.Problem](err); ok && p.Code == schemas.OwnerUnavailable {
		return &schemas.Problem{Code: p.Code, Detail: "it is in the queue, and nobody can tell yet what came of it; send it again, that is safe"}
	}
	return err
}
