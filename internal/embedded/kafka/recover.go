package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// abortOpen ends every open transaction with an abort, by fencing its producer as a successor of that
// producer would. kfake alone would keep it open across a restart.
func abortOpen(ctx context.Context, client *kgo.Client) error {
	open, err := kadm.NewClient(client).ListTransactions(ctx, nil, []string{"Ongoing"})
	if err != nil {
		return fmt.Errorf("list open transactions: %w", err)
	}
	for _, id := range open.TransactionalIDs() {
		if err := fence(ctx, client, id); err != nil {
			return fmt.Errorf("abort transaction %s: %w", id, err)
		}
	}
	return nil
}

func fence(ctx context.Context, client *kgo.Client, transactionalID string) error {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID = &transactionalID
	req.TransactionTimeoutMillis = int32(timeoutMax.Milliseconds())
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

// writeOwedMarkers writes an abort marker of every transactional producer to every partition. A broker that
// died with a transaction open takes it as aborted when it reads its log again, but keeps that to itself:
// after the next death the marker of a later commit of the same producer would seem to commit it too.
// Where nothing was open a marker says nothing. Nobody may be producing.
func writeOwedMarkers(ctx context.Context, client *kgo.Client) error {
	adm := kadm.NewClient(client)
	producers, err := adm.ListTransactions(ctx, nil, nil)
	if err != nil {
		return fmt.Errorf("list transactional producers: %w", err)
	}
	topics, err := adm.ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	if len(producers) == 0 || len(topics) == 0 {
		return nil
	}
	described, err := adm.DescribeTransactions(ctx, producers.TransactionalIDs()...)
	if err != nil {
		return fmt.Errorf("describe transactional producers: %w", err)
	}
	var markers []kadm.TxnMarkers
	for _, p := range described.Sorted() {
		markers = append(markers, kadm.TxnMarkers{
			ProducerID:    p.ProducerID,
			ProducerEpoch: p.ProducerEpoch,
			Topics:        topics.TopicsSet(),
		})
	}
	written, err := adm.WriteTxnMarkers(ctx, markers...)
	if err != nil {
		return fmt.Errorf("write abort markers: %w", err)
	}
	for _, w := range written.SortedPartitions() {
		if w.Err != nil {
			return fmt.Errorf("write abort marker to %s-%d: %w", w.Topic, w.Partition, w.Err)
		}
	}
	return nil
}
