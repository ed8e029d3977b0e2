package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// BusyError says that a group has members: where they are, nobody else may say how far they have read.
type BusyError struct {
	Group   string
	Members []string
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("group %s has members: %s; stop them, and wait until the session of each is over", e.Group, strings.Join(e.Members, ", "))
}

// Rewind has a group read a topic again: from the first record of each partition that was appended at a time or later;
// the zero time: from the first that is there. What the group has not read yet it reads in any case. Rewind returns how many
// offsets are to be read, those of transactions' ends with them. A group with members is left as it is (a BusyError).
func Rewind(ctx context.Context, client *kgo.Client, group, topic string, from time.Time) (int64, error) {
	admin := kadm.NewClient(client)
	if err := idle(ctx, admin, group); err != nil {
		return 0, err
	}
	starts, err := rewound(ctx, admin, group, topic, from)
	if err != nil {
		return 0, err
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("list ends of %s: %w", topic, err)
	}
	var count int64
	starts.Each(func(o kadm.Offset) {
		end, _ := ends.Lookup(topic, o.Partition)
		count += end.Offset - o.At
	})
	if err := admin.CommitAllOffsets(ctx, group, starts); err != nil {
		return 0, fmt.Errorf("set offsets of group %s: %w", group, err)
	}
	return count, nil
}

// rewound are the offsets that a group goes back to, and never forward.
func rewound(ctx context.Context, admin *kadm.Client, group, topic string, from time.Time) (kadm.Offsets, error) {
	begins, err := admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = begins.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list where %s begins: %w", topic, err)
	}
	if from.IsZero() {
		return begins.Offsets(), nil
	}
	since, err := admin.ListOffsetsAfterMilli(ctx, from.UnixMilli(), topic)
	if err == nil {
		err = since.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list where %s begins at %s: %w", topic, from.UTC().Format(time.RFC3339), err)
	}
	committed, err := admin.FetchOffsets(ctx, group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("read offsets of group %s: %w", group, err)
	}
	offsets := make(kadm.Offsets)
	var failed error
	since.Each(func(o kadm.ListedOffset) {
		begin, _ := begins.Lookup(topic, o.Partition)
		read, known := committed.Lookup(topic, o.Partition)
		failed = errors.Join(failed, read.Err)
		if !known || read.At < 0 {
			read.At = begin.Offset // it has read nothing
		}
		offsets.AddOffset(topic, o.Partition, max(begin.Offset, min(o.Offset, read.At)), -1)
	})
	if failed != nil {
		return nil, fmt.Errorf("read offsets of group %s: %w", group, failed)
	}
	return offsets, nil
}

// idle reports a group that has members.
func idle(ctx context.Context, admin *kadm.Client, group string) error {
	described, err := admin.DescribeGroups(ctx, group)
	if err != nil {
		return fmt.Errorf("describe group %s: %w", group, err)
	}
	busy := &BusyError{Group: group}
	for _, m := range described[group].Members {
		name := m.MemberID
		if m.InstanceID != nil {
			name = *m.InstanceID
		}
		busy.Members = append(busy.Members, name)
	}
	if len(busy.Members) > 0 {
		slices.Sort(busy.Members)
		return busy
	}
	if err := described[group].Err; err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("describe group %s: %w", group, err)
	}
	return nil
}
