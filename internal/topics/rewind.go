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
// the zero time: from the first that is there. It returns how many offsets are to be read, those of transactions'
// ends with them. A group with members is left as it is (a BusyError).
func Rewind(ctx context.Context, client *kgo.Client, group, topic string, from time.Time) (int64, error) {
	admin := kadm.NewClient(client)
	if err := idle(ctx, admin, group); err != nil {
		return 0, err
	}
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err == nil && !from.IsZero() {
		starts, err = admin.ListOffsetsAfterMilli(ctx, from.UnixMilli(), topic)
	}
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("list where %s begins: %w", topic, err)
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("list ends of %s: %w", topic, err)
	}
	var count int64
	starts.Each(func(o kadm.ListedOffset) {
		end, _ := ends.Lookup(topic, o.Partition)
		count += end.Offset - o.Offset
	})
	if err := admin.CommitAllOffsets(ctx, group, starts.Offsets()); err != nil {
		return 0, fmt.Errorf("set offsets of group %s: %w", group, err)
	}
	return count, nil
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
