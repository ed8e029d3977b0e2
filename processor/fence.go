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

// fenceFormer ends the transactions that former owners have left open in partitions of the state which now are ours, and
// returns their transactional ids. A former owner lets partitions go between two transactions: so one that is open belongs
// to a member that has died, or that the group has expelled because it stood still. If that one wakes, the broker refuses
// what it goes on with, and its loop begins anew. An error says that some may be open still: their timeout ends them.
func (s *session) fenceFormer(ctx context.Context, state string, gained map[int32]struct{}) (ended []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, fenceFormerMax)
	defer cancel()
	admin := kadm.NewClient(s.client)
	open, listErr := admin.ListTransactionsByTxPattern(ctx, nil, []string{"Ongoing"}, regexp.QuoteMeta(txnPrefix(s.group))+".*")
	var ids []string
	for _, id := range open.TransactionalIDs() {
		if id != s.txn && strings.HasPrefix(id, txnPrefix(s.group)) { // older brokers tell of all
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, listErr
	}
	described, describeErr := admin.DescribeTransactions(ctx, ids...)
	errs := []error{listErr, describeErr}
	for _, d := range described.Sorted() {
		if !touches(d, state, gained) {
			continue
		}
		if err := s.end(ctx, d); err != nil {
			errs = append(errs, fmt.Errorf("end transaction of %s: %w", d.TxnID, err))
			continue
		}
		ended = append(ended, d.TxnID)
	}
	return ended, errors.Join(errs...)
}

func touches(d kadm.DescribedTransaction, state string, partitions map[int32]struct{}) bool {
	for p := range d.Topics[state] {
		if _, ok := partitions[p]; ok {
			return true
		}
	}
	return false
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
