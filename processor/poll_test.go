package processor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/processor"
	"parley/schemas"
)

// Of two processors each tells about its own partitions, and says which of those that it was asked about are not.
func TestPartitionsThatAreNotOwned(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a, _ := c.started(new(recorder), t.TempDir())
	ids := make([]string, partitions) // a conversation on each partition, by partition
	for i := 0; slices.Contains(ids, ""); i++ {
		id := fmt.Sprint("c", i)
		if p := topics.Partition("acme/"+id, partitions); ids[p] == "" {
			ids[p] = id
			c.send("acme/"+id, part(id, 1, 2))
			if _, err := a.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: id}); err != nil {
				t.Fatal(err)
			}
		}
	}
	type ended struct {
		partition int32
		err       error
		at        time.Time
	}
	lost := make(chan ended, partitions)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for p, id := range ids {
		go func() {
			_, err := a.Conversation(ctx, schemas.ConversationQuery{Account: "acme", ID: id, Wait: time.Hour})
			lost <- ended{int32(p), err, time.Now()}
		}()
	}
	b, _ := c.start(new(recorder), t.TempDir(), func(cfg *processor.Config) { cfg.Instance = "b" })

	// Polls that wait for what has moved end at once, and say why.
	var moved []int32
	for range partitions / 2 {
		select {
		case e := <-lost:
			moved = append(moved, e.partition)
			if of, ok := errors.AsType[*schemas.NotOwnedError](e.err); !ok || !slices.Equal(of.Partitions, []int32{e.partition}) {
				t.Errorf("partition %d: %v, want that it is not owned", e.partition, e.err)
			}
		case <-time.After(testkit.Patience):
			t.Fatalf("polls of %v have ended, want of half of the partitions", moved)
		}
	}
	slices.Sort(moved)
	for _, id := range ids {
		if p := topics.Partition("acme/"+id, partitions); slices.Contains(moved, p) {
			if !within(20*time.Second, func() bool {
				r, err := b.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: id}, p)
				return err == nil && r.Status == schemas.ConversationStaging
			}) {
				t.Errorf("the new owner of partition %d does not know %s", p, id)
			}
		}
	}
	all := []int32{0, 1, 2, 3}
	_, err := a.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: uuid.New()}, all...)
	e, ok := errors.AsType[*schemas.NotOwnedError](err)
	if !ok {
		t.Fatalf("got %v, want what is not owned", err)
	}
	slices.Sort(e.Partitions)
	if !slices.Equal(e.Partitions, moved) {
		t.Errorf("partitions %v are not owned, want %v", e.Partitions, moved)
	}
	if _, err := b.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: uuid.New()}, moved...); !errors.Is(err, schemas.ErrUnknown) {
		t.Errorf("got %v, want ErrUnknown of the owner of all that was asked", err)
	}
}
