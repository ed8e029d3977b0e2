package processor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/pause"
	"parley/schemas"
)

// txnPrefix begins the transactional ids of the members of a group; the name of the instance follows.
func txnPrefix(group string) string { return group + "-" }

// fence ends the transaction that a process with our name has left open: whoever gets its partitions would wait until
// the broker gives it up.
func (s *session) fence(ctx context.Context) error {
	if _, _, err := s.client.ProducerID(ctx); err != nil {
		return fmt.Errorf("fence former transactions: %w", err)
	}
	return nil
}

// fenceFormerMax bounds the questions to brokers, of which one may have died with the former owner.
const fenceFormerMax = 5 * time.Second

// former ends the transactions that processors have left open which are no members any more. Their partitions wait for the
// end, and so do all readers of what is behind it, until the broker gives the transaction up.
type former struct {
	session *session
	admin   *kadm.Client
	lease   *lease
	topics  schemas.Topics
	// gained are the partitions that have become ours.
	gained map[int32]struct{}
}

// end ends the transactions of former owners, and returns their transactional ids. An error says that some may be open still:
// their timeout ends them.
//
// A former owner lets partitions go between two transactions: so one that is open in the state of partitions that are ours
// belongs to a member that has died, or that the group has expelled because it stood still; and so does one whose member is
// not in the group. It is looked at once more just before it is ended, and the lease with it, so that one of a living owner
// is not ended when we are who stood still. Should we stand still between that look and the end, a living owner may lose the
// turn that it is in: the broker refuses what it goes on with, and its loop begins anew from what is committed.
func (f former) end(ctx context.Context) (ended []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, fenceFormerMax)
	defer cancel()
	open, err := f.left(ctx)
	errs := []error{err}
	for _, d := range open {
		switch over, err := f.endOne(ctx, d); {
		case err != nil:
			errs = append(errs, fmt.Errorf("end transaction of %s: %w", d.TxnID, err))
		case over:
			ended = append(ended, d.TxnID)
		}
	}
	return ended, errors.Join(errs...)
}

// left returns the transactions that were left open.
func (f former) left(ctx context.Context) ([]kadm.DescribedTransaction, error) {
	prefix := txnPrefix(f.session.group)
	open, listErr := f.admin.ListTransactionsByTxPattern(ctx, nil, []string{"Ongoing"}, regexp.QuoteMeta(prefix)+".*")
	var ids []string
	for _, id := range open.TransactionalIDs() {
		if id != f.session.txn && strings.HasPrefix(id, prefix) { // older brokers tell of all
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, listErr
	}
	described, describeErr := f.admin.DescribeTransactions(ctx, ids...)
	in, memberErr := f.members(ctx)
	var left []kadm.DescribedTransaction
	for _, d := range described.Sorted() {
		if f.inGained(d) || in.lack(d.TxnID) && f.inTopics(d) {
			left = append(left, d)
		}
	}
	return left, errors.Join(listErr, describeErr, memberErr)
}

// inGained reports whether a transaction has changed the state of partitions that are ours now.
func (f former) inGained(d kadm.DescribedTransaction) bool {
	for p := range d.Topics[f.topics.State] {
		if _, ours := f.gained[p]; ours {
			return true
		}
	}
	return false
}

// inTopics reports whether a transaction is one of this Parley: another may have a group whose name begins as ours does.
func (f former) inTopics(d kadm.DescribedTransaction) bool {
	return len(d.Topics[f.topics.State])+len(d.Topics[f.topics.Results])+len(d.Topics[f.topics.Calls]) > 0
}

// members are the transactional ids of those who are in the group. Nil: nobody can tell.
type members map[string]struct{}

// lack reports whether an id is of nobody in the group.
func (m members) lack(txn string) bool {
	_, in := m[txn]
	return m != nil && !in
}

// members asks for those in the group. Static members alone are known by the name that is in their transactional id.
func (f former) members(ctx context.Context) (members, error) {
	described, err := f.admin.DescribeGroups(ctx, f.session.group)
	if err == nil {
		err = described[f.session.group].Err
	}
	if err != nil {
		return nil, fmt.Errorf("describe group %s: %w", f.session.group, err)
	}
	in := make(members)
	for _, m := range described[f.session.group].Members {
		if m.InstanceID == nil {
			return nil, nil
		}
		in[txnPrefix(f.session.group)+*m.InstanceID] = struct{}{}
	}
	if in.lack(f.session.txn) {
		return nil, nil // it is about to form again
	}
	return in, nil
}

// leasePause is the time between two looks whether the lease is held, which a heartbeat that is answered sees to.
const leasePause = 10 * time.Millisecond

// endOne ends a transaction unless it has ended meanwhile. It waits for the lease.
func (f former) endOne(ctx context.Context, seen kadm.DescribedTransaction) (bool, error) {
	for !f.lease.holds(time.Now()) {
		if err := pause.For(ctx, leasePause); err != nil {
			return false, fmt.Errorf("nobody can tell whether we are in the group: %w", err)
		}
	}
	described, err := f.admin.DescribeTransactions(ctx, seen.TxnID)
	if err != nil {
		return false, err
	}
	now := described[seen.TxnID]
	same := now.ProducerID == seen.ProducerID && now.ProducerEpoch == seen.ProducerEpoch && now.StartTimestamp == seen.StartTimestamp
	if now.Err != nil || now.State != seen.State || !same {
		return false, now.Err
	}
	if !f.lease.holds(time.Now()) {
		return false, errors.New("the lease is over")
	}
	return true, f.session.end(ctx, now)
}

// end has the coordinator abort a transaction, and refuse its producer from now on (KIP-98).
func (s *session) end(ctx context.Context, d kadm.DescribedTransaction) error {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &d.TxnID, d.TimeoutMillis
	req.ProducerID, req.ProducerEpoch = -1, -1
	resp, err := req.RequestWith(ctx, s.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if errors.Is(err, kerr.ConcurrentTransactions) {
		return nil // it is being ended
	}
	return err
}
