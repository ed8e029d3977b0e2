package processor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// session commits turns. It does what kgo.GroupTransactSession does, with one difference on which the processor's
// safety rests: every transaction carries, for every partition whose state it changes, that partition's offset under
// the generation in which it was given to us, even when no record was read. So a member that was stopped and has lost its
// partitions cannot change their state when it wakes (KIP-447), whatever its executions have to say. (It also spares
// the half second which GroupTransactSession waits after a transaction without offsets.)
type session struct {
	client *kgo.Client
	group  string
	txn    string
	calls  string
	// as is the membership in whose name transactions are made: that of the partitions which the loop owns.
	as membership
	// callsID is the id of that topic; zero until the first commit.
	callsID kadm.TopicID
	// polls counts the polls since rebalances were allowed: see pollsMax.
	polls int
}

// pollsMax is how many polls there may be until rebalances are allowed, whether one waits or not: the client counts them
// in 32 bits.
const pollsMax = 1 << 30

// holdRebalances has rebalances wait until they are allowed, and itself waits until the one that is under way is over.
// The client lets them happen while a poll waits for records, unless there was a poll before that had not to wait.
func (s *session) holdRebalances() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.poll(ctx, 1)
}

// allowRebalance lets the rebalance happen that waits, and has the next ones wait.
func (s *session) allowRebalance() {
	s.client.AllowRebalance()
	s.polls = 0
	s.holdRebalances()
}

// poll waits for records, at most so many, until ctx ends.
func (s *session) poll(ctx context.Context, recordsMax int) kgo.Fetches {
	s.polls++
	return s.client.PollRecords(ctx, recordsMax)
}

// errAbortable marks a failure after which the transaction can be aborted and its turn taken again.
var errAbortable = errors.New("transaction must be aborted")

// endTimeout bounds a transaction from its first record to its end.
const endTimeout = 30 * time.Second

// commit writes records, and offsets of the calls per partition, in one transaction. false: it was aborted, and
// nothing has changed. An error leaves open which.
func (s *session) commit(records [][]*kgo.Record, offsets map[int32]int64) (bool, error) {
	// Not the context of the loop: a transaction that has begun is ended.
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	if err := s.client.BeginTransaction(); err != nil {
		return false, fmt.Errorf("begin transaction: %w", err)
	}
	err := s.produce(ctx, records)
	if err == nil {
		err = s.commitOffsets(ctx, offsets)
	}
	if err == nil {
		if err := s.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
			return false, fmt.Errorf("end transaction: %w", err)
		}
		return true, nil
	}
	unwritable, refused := errors.AsType[*UnwritableError](err)
	if !refused && !errors.Is(err, errAbortable) {
		return false, err
	}
	if end := errors.Join(s.client.AbortBufferedRecords(ctx), s.client.EndTransaction(ctx, kgo.TryAbort)); end != nil {
		return false, fmt.Errorf("abort transaction: %w, after %w", end, err)
	}
	if refused {
		return false, unwritable
	}
	return false, nil
}

func (s *session) produce(ctx context.Context, records [][]*kgo.Record) error {
	d := new(deliveries)
	for _, rs := range records {
		d.wg.Add(len(rs))
		for _, r := range rs {
			s.client.Produce(ctx, r, d.done)
		}
	}
	delivered := make(chan struct{})
	go func() {
		d.wg.Wait()
		close(delivered)
	}()
	select {
	case <-delivered:
	case <-ctx.Done():
		// The client tries a record of a transaction until it is closed, which is what this error leads to.
		return fmt.Errorf("produce: %w", ctx.Err())
	}
	if d.worst != nil {
		return fmt.Errorf("produce: %w", d.worst)
	}
	return nil
}

// deliveries waits for the records of one transaction, and keeps the failure that says most.
type deliveries struct {
	wg    sync.WaitGroup
	mu    sync.Mutex
	worst error
}

func (d *deliveries) done(r *kgo.Record, err error) {
	defer d.wg.Done()
	if err == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := errors.AsType[*UnwritableError](d.worst); !known {
		d.worst = undelivered(r, err)
	}
}

// commitOffsets adds the offsets to the transaction, under our generation in the group.
func (s *session) commitOffsets(ctx context.Context, offsets map[int32]int64) error {
	if err := s.identifyTopic(ctx); err != nil {
		return err
	}
	id, epoch, err := s.client.ProducerID(ctx)
	if err != nil {
		return fmt.Errorf("producer id: %w", err)
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = s.txn, id, epoch, s.group
	added, err := add.RequestWith(ctx, s.client)
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("add offsets to transaction: %w", abortable(err))
	}

	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = s.txn, id, epoch, s.group
	req.MemberID, req.Generation = s.as.id, s.as.generation
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = s.calls, s.callsID
	for p, offset := range offsets {
		rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		rp.Partition, rp.Offset = p, offset
		topic.Partitions = append(topic.Partitions, rp)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, s.client)
	if err != nil {
		return fmt.Errorf("commit offsets: %w", abortable(err))
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("commit offset of partition %d: %w", p.Partition, abortable(err))
			}
		}
	}
	return nil
}

// identifyTopic looks up the id of the calls' topic, by which newer brokers want it named (KIP-1319).
func (s *session) identifyTopic(ctx context.Context) error {
	if s.callsID != (kadm.TopicID{}) {
		return nil
	}
	topics, err := kadm.NewClient(s.client).ListTopics(ctx, s.calls)
	if err == nil {
		err = topics[s.calls].Err
	}
	if err != nil {
		return fmt.Errorf("look up topic %s: %w", s.calls, err)
	}
	s.callsID = topics[s.calls].ID
	return nil
}

// abortable marks the errors which say that the group or its coordinator has moved on: the transaction has not been
// decided, and the turn can be taken again. Any other, such as a newer member with our transactional id, ends the
// loop.
func abortable(err error) error {
	for _, e := range []error{
		kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.StaleMemberEpoch, kerr.GroupIDNotFound, kerr.RebalanceInProgress,
		kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.ConcurrentTransactions,
		kerr.TransactionAbortable,
	} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %w", err, errAbortable)
		}
	}
	return err
}

// rewind goes back to offsets of partitions that are still ours: their records are read again.
func (s *session) rewind(offsets map[int32]int64) {
	to := make(map[int32]kgo.EpochOffset, len(offsets))
	for p, offset := range offsets {
		to[p] = kgo.EpochOffset{Epoch: -1, Offset: offset}
	}
	s.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{s.calls: to})
}
