package sink

import (
	"context"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// inbox collects what the group does to the partitions of a member, for its next turn. The group does nothing
// during a turn, and a partition's records come after its assignment: a turn that takes the inbox after it has
// polled knows what it owns.
type inbox struct {
	log *slog.Logger
	// positions forgets what is lost at once.
	positions *positions

	mu      sync.Mutex
	changes map[int32]change
}

// change is the last that happened to a partition: it was assigned, with the mark that the group had for it, or lost.
type change struct {
	mark mark
	lost bool
}

// options are the callbacks that fill the inbox.
func (in *inbox) options() []kgo.Opt {
	lost := func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
		for _, partitions := range lost {
			for _, id := range partitions {
				in.put(id, change{lost: true})
				in.positions.lose(id)
			}
		}
	}
	return []kgo.Opt{kgo.OnPartitionsRevoked(lost), kgo.OnPartitionsLost(lost), kgo.OnOffsetsFetched(in.assigned)}
}

// assigned reads the marks of the partitions that the member gets. The member has one topic.
func (in *inbox) assigned(_ context.Context, _ *kgo.Client, resp *kmsg.OffsetFetchResponse) error {
	for _, g := range resp.Groups {
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				in.put(p.Partition, change{mark: in.markOf(p)})
			}
		}
	}
	return nil
}

func (in *inbox) markOf(p kmsg.OffsetFetchResponseGroupTopicPartition) mark {
	var metadata string
	if p.Metadata != nil {
		metadata = *p.Metadata
	}
	m, err := parseMark(p.Offset, metadata)
	if err != nil {
		in.log.Warn("offset was not committed by a sink, reading on from it", "partition", p.Partition, "error", err)
	}
	return m
}

func (in *inbox) put(id int32, c change) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.changes == nil {
		in.changes = map[int32]change{}
	}
	in.changes[id] = c
}

// take returns and empties the inbox.
func (in *inbox) take() map[int32]change {
	in.mu.Lock()
	defer in.mu.Unlock()
	changes := in.changes
	in.changes = nil
	return changes
}
