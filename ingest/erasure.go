package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/account"
	"parley/internal/pause"
	"parley/internal/telemetry"
	"parley/internal/topics"
	"parley/schemas"
)

const erasuresPath = "/v1/erasures"

// Eraser erases what is recorded.
type Eraser interface {
	// Erase returns when what is recorded up to the sequences of the question is erased, or counted. Its error wraps
	// schemas.ErrUnavailable; to ask again is safe.
	Erase(ctx context.Context, q schemas.RecordErasure) (schemas.RecordErased, error)
	// Remains tells where something of the account may still be that was erased just now.
	Remains(ctx context.Context, account string) ([]schemas.Remains, error)
}

const (
	// eraseTimeout bounds the wait for the owners to look at all that they hold, and for the record.
	eraseTimeout = 20 * time.Second
	// erasuresMax bounds those that a server has under way: each may hold a connection to ClickHouse for long, and polls need
	// them, too. eraseRetry is after how long the next may come.
	erasuresMax = 1
	eraseRetry  = 5 * time.Second
	// erasePause is the time between two questions how far the owners have come.
	erasePause = 50 * time.Millisecond
)

// postErasure erases what is held and recorded of a person, and says where something of it may still be.
func (s *Server) postErasure(c echo.Context) error {
	who, p := s.caller(c, account.Admin)
	if p != nil {
		return p
	}
	body, err := s.smallBody(c.Request())
	if err != nil {
		return err
	}
	asked, p := schemas.DecodeErasure(body)
	if p != nil {
		return p
	}
	if !s.erasures.take() {
		return &schemas.Problem{Code: schemas.OwnerUnavailable, Detail: "another erasure is under way here; come again later", RetryAfter: eraseRetry}
	}
	defer s.erasures.leave()
	of := cmp.Or(asked.Account, who.Account)
	subject := schemas.Subject(of, asked.SubscriberKey)
	detail(c, slog.String("of", of), slog.String("subject", schemas.SubjectHash(subject).String()), slog.Bool("dry_run", asked.DryRun))
	ctx := context.WithoutCancel(c.Request().Context()) // what is begun is told of in the log, also when nobody listens any more
	e := erasing{server: s, command: schemas.Erase{Account: of, Subject: schemas.SubjectHash(subject), DryRun: asked.DryRun}}
	if p := e.all(ctx); p != nil {
		return p
	}
	remains, err := s.eraser.Remains(ctx, of)
	if err != nil {
		return fmt.Errorf("tell what remains: %w", err)
	}
	detail(c, slog.Int64("objects", e.counts.Objects), slog.Int64("results", e.counts.Results))
	return answer(c, http.StatusOK, mimeJSON, schemas.ErasureResource{
		Account: of, Subject: e.command.Subject, DryRun: asked.DryRun, ErasedAt: s.now().UTC(), Erased: e.counts, Remains: remains,
	})
}

// erasing is an erasure that is under way.
type erasing struct {
	server  *Server
	command schemas.Erase
	counts  schemas.ErasedCounts
	// upto has for each partition the last event that may tell of the person.
	upto map[int32]int64
}

// all erases what the owners hold, then what is recorded of it.
func (e *erasing) all(ctx context.Context) *schemas.Problem {
	passes := 2 // the second finds what was on its way from one partition to another during the first
	if e.command.DryRun {
		passes = 1
	}
	for range passes {
		if p := e.held(ctx); p != nil {
			return p
		}
	}
	ctx, cancel := context.WithTimeout(ctx, eraseTimeout)
	defer cancel()
	recorded, err := e.server.eraser.Erase(ctx, schemas.RecordErasure{
		Account: e.command.Account, Subject: uint64(e.command.Subject), Upto: e.upto, DryRun: e.command.DryRun,
	})
	if err != nil {
		e.incomplete(ctx, err)
		held := fmt.Sprintf("of the calls that are held %d objects of %d open and %d kept calls", e.counts.Objects, e.counts.OpenCalls, e.counts.KeptCalls)
		return e.unavailable(schemas.OwnerUnavailable,
			held+" are erased; the record in ClickHouse is not, or not all of it: send this again, that is safe",
			held+" would be; the record in ClickHouse cannot tell now")
	}
	e.counts.Results, e.counts.CallRows = recorded.Results, recorded.Calls
	return nil
}

// unavailable says how far an erasure has come; of a dry run, what it cannot tell.
func (e *erasing) unavailable(code schemas.Code, far, untold string) *schemas.Problem {
	if e.command.DryRun {
		far = untold + "; nothing was erased, send this again later"
	}
	return &schemas.Problem{Code: code, Detail: far}
}

// incomplete tells operators why an erasure is not complete.
func (e *erasing) incomplete(ctx context.Context, err error) {
	e.server.log.LogAttrs(ctx, slog.LevelWarn, "an erasure is not complete; whoever asked was told to ask again", slog.String("of", e.command.Account), slog.String("subject", e.command.Subject.String()), slog.Any("error", err))
}

// held has the owner of every partition erase what it holds, and waits until they have.
func (e *erasing) held(ctx context.Context) *schemas.Problem {
	ctx, cancel := context.WithTimeout(ctx, eraseTimeout)
	defer cancel()
	commands, p := e.tell(ctx)
	if p != nil {
		return p
	}
	told, err := e.await(ctx, schemas.ErasureQuery{Commands: commands})
	if err != nil {
		e.incomplete(ctx, err)
		return e.unavailable(schemas.OwnerUnavailable,
			"it is in the queue, and not all owners have told that they are done, which they may be soon; the record in ClickHouse is as it was: send this again, that is safe",
			"not all owners have told what they would erase")
	}
	upto := make(map[int32]int64, len(told))
	for _, t := range told {
		e.counts.OpenCalls += t.Open
		e.counts.KeptCalls += t.Kept
		e.counts.Objects += t.Objects
		upto[t.Partition] = t.Sequence
	}
	e.upto = upto
	return nil
}

// tell writes the command to every partition.
func (e *erasing) tell(ctx context.Context) ([]schemas.Position, *schemas.Problem) {
	s := e.server
	value, err := schemas.EncodeErase(&e.command)
	if err != nil {
		return nil, &schemas.Problem{Code: schemas.Internal, Detail: "the command cannot be encoded"}
	}
	records := make([]*kgo.Record, s.recorder.log.Partitions)
	for p := range records {
		r := s.recorder.commandAt(int32(p), schemas.RecordErase, e.command.Account, value)
		records[p] = topics.WithTrace(r, telemetry.TraceOf(ctx))
	}
	l := s.budget.lease()
	defer l.release()
	commands := make([]schemas.Position, len(records))
	for i, f := range s.producer.produce(ctx, records, l) {
		if !f.acknowledged() {
			return nil, e.unavailable(schemas.QueueUnavailable,
				"the queue did not take this in time, or only for some partitions; nothing may be erased, or some: send this again, that is safe",
				"the queue did not take the question in time, or only for some partitions")
		}
		commands[i] = f.Position
	}
	return commands, nil
}

// await returns what the owners say when all have looked at everything.
func (e *erasing) await(ctx context.Context, q schemas.ErasureQuery) ([]schemas.ErasureProgress, error) {
	ended := make(map[int32]schemas.ErasureProgress, len(q.Commands))
	for {
		told, err := e.server.poller.live.Erasures(ctx, q)
		for _, t := range told {
			if t.Ended { // which it stays, whoever owns the partition then
				ended[t.Partition] = t
			}
		}
		if len(ended) == len(q.Commands) {
			out := make([]schemas.ErasureProgress, 0, len(ended))
			for _, p := range maps.All(ended) {
				out = append(out, p)
			}
			return out, nil
		}
		if pause.For(ctx, erasePause) != nil {
			return nil, errors.Join(fmt.Errorf("%d of %d partitions are done: %w", len(ended), len(q.Commands), schemas.ErrUnavailable), err)
		}
	}
}
