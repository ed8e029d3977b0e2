package topics_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/schemas"
)

func newClient(t *testing.T) *kgo.Client {
	t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	c, err := kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func spec(partitions, results int32) topics.Spec {
	return topics.Spec{
		Topics:      schemas.TopicsOf("p"),
		Layout:      topics.Layout{Partitions: partitions, ResultPartitions: results},
		Replication: 1,
	}
}

func TestEnsureKeepsTheLayoutOfTheFirst(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	var wg sync.WaitGroup
	layouts := make([]topics.Layout, 4)
	for i := range layouts {
		wg.Go(func() {
			var err error
			if layouts[i], err = topics.Ensure(t.Context(), c, spec(int32(4*(i+1)), 2)); err != nil {
				t.Errorf("starter %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	for i, l := range layouts {
		if l != layouts[0] {
			t.Errorf("starter %d has the layout %v, the first has %v", i, l, layouts[0])
		}
	}
}

func TestEnsureRefusesOtherPartitions(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	if _, err := topics.Ensure(t.Context(), c, spec(4, 2)); err != nil {
		t.Fatal(err)
	}
	if _, err := kadm.NewClient(c).CreatePartitions(t.Context(), 2, "p.calls"); err != nil {
		t.Fatal(err)
	}
	_, err := topics.Ensure(t.Context(), c, spec(4, 2))
	mismatch, ok := errors.AsType[*topics.MismatchError](err)
	if !ok || mismatch.Topic != "p.calls" || mismatch.Want != 4 || mismatch.Have != 6 {
		t.Errorf("got %v, want that p.calls has 6 partitions and not 4", err)
	}
}

func TestLayoutMustDivide(t *testing.T) {
	t.Parallel()
	for _, l := range []topics.Layout{{}, {Partitions: 4}, {Partitions: 4, ResultPartitions: 3}, {Partitions: schemas.PartitionsMax + 1, ResultPartitions: 1}} {
		if l.Validate() == nil {
			t.Errorf("layout %+v is taken", l)
		}
	}
}
