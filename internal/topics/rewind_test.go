package topics_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/testkit"
	"parley/internal/topics"
)

func TestRewind(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		from  time.Time
		at    [2]int64
		count int64
	}{
		"to the beginning":                        {time.Time{}, [2]int64{2, 2}, 16}, // two records of each partition were trimmed
		"to a time":                               {now.Add(-3 * time.Hour), [2]int64{7, 7}, 6},
		"to a time before all":                    {now.Add(-99 * time.Hour), [2]int64{2, 2}, 16},
		"to a time after what was read":           {now.Add(-time.Hour), [2]int64{9, 9}, 2},
		"to a time when there is none, not ahead": {now, [2]int64{10, 9}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newTrimLog(t)
			l.commit(map[int32]int64{0: 10, 1: 9})
			if err := l.trimmer(8*time.Hour).Trim(t.Context(), map[int32]int64{0: 10, 1: 10}, now); err != nil {
				t.Fatal(err)
			}
			count, err := topics.Rewind(t.Context(), l.client, trimGroup, trimmed, tt.from)
			if err != nil || count != tt.count {
				t.Errorf("%d offsets to be read, %v, want %d", count, err, tt.count)
			}
			offsets, err := l.admin.FetchOffsets(t.Context(), trimGroup)
			if err != nil {
				t.Fatal(err)
			}
			for p := range int32(2) {
				if o, _ := offsets.Lookup(trimmed, p); o.At != tt.at[p] {
					t.Errorf("partition %d is read from %d, want %d", p, o.At, tt.at[p])
				}
			}
		})
	}
}

// Where the group has members, they say how far they are; where there was never one, it begins as it is told.
func TestRewindOfWhoIsThere(t *testing.T) {
	t.Parallel()
	l := newTrimLog(t)
	if count, err := topics.Rewind(t.Context(), l.client, "nobody", trimmed, time.Time{}); err != nil || count != 20 {
		t.Errorf("a group that never was: %d, %v, want 20", count, err)
	}
	if count, err := topics.Rewind(t.Context(), l.client, "nobody else", trimmed, now); err != nil || count != 20 {
		t.Errorf("a group that has read nothing: %d, %v, want 20, whatever the time", count, err)
	}
	member, err := kgo.NewClient(kgo.SeedBrokers(l.kafka.ListenAddrs()...), kgo.ConsumerGroup(trimGroup), kgo.InstanceID("node-a"), kgo.ConsumeTopics(trimmed), kgo.DisableAutoCommit())
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	if err := member.PollFetches(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	_, err = topics.Rewind(t.Context(), l.client, trimGroup, trimmed, time.Time{})
	if busy, ok := errors.AsType[*topics.BusyError](err); !ok || !slices.Equal(busy.Members, []string{"node-a"}) {
		t.Errorf("error %v, want one that names the member", err)
	}
	offsets, err := l.admin.FetchOffsets(t.Context(), trimGroup)
	if o, there := offsets.Lookup(trimmed, 0); err == nil && there && o.At >= 0 {
		t.Errorf("offset %d was committed", o.At)
	}
}
