package processor

import (
	"context"
	"time"

	"parley/schemas"
)

// Audit returns the counts of partitions; stored is up to which sequence the record has the events of each.
// *schemas.NotOwnedError: some of the partitions are not ours.
func (p *Processor) Audit(_ context.Context, stored map[int32]int64, in ...int32) ([]schemas.PartitionCounts, error) {
	counts := make([]schemas.PartitionCounts, 0, len(in))
	err := p.live.each(in, func(partition int32, v *lookup) error {
		c, err := v.count(partition)
		if err != nil {
			return err
		}
		counts = append(counts, c)
		return nil
	})
	for i := range counts {
		c := &counts[i]
		c.LagSeconds = seconds(p.live.writtenSince(c.Partition, stored[c.Partition]), time.Now())
	}
	return counts, err
}

// count tells what the state says of its partition, and what it does not: which calls are being executed.
func (v *lookup) count(partition int32) (schemas.PartitionCounts, error) {
	meta, err := v.Meta()
	if err != nil {
		return schemas.PartitionCounts{}, err
	}
	open, err := v.OpenCalls()
	if err != nil {
		return schemas.PartitionCounts{}, err
	}
	for _, w := range v.running.begunIn(partition) {
		s, err := v.Conversation(w.key)
		if err != nil {
			return schemas.PartitionCounts{}, err
		}
		if s.Awaits(w.attempt.SequenceCode, w.attempt.Attempt) {
			open.Execute(s)
		}
	}
	return schemas.PartitionCounts{
		Partition: partition,
		Accepted:  meta.Accepted,
		Final:     meta.Final(),
		Open:      open.ByStatus(),
		OpenTotal: meta.Open,
		Resent:    meta.Resent,
		Produced:  meta.Sequence,
	}, nil
}
