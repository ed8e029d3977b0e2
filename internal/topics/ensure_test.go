package topics_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/topics"
	"parley/schemas"
)

func newClient(t *testing.T) *kgo.Client {
	t.Helper()
	_, c := newCluster(t)
	return c
}

func newCluster(t *testing.T) (*kfake.Cluster, *kgo.Client) {
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
	return k, c
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

// A broker of Apache Kafka hears of a topic after its controller has said that it is made.
func TestEnsureWaitsUntilTopicsAreShown(t *testing.T) {
	t.Parallel()
	k, c := newCluster(t)
	asked := make(map[string]int)
	k.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		req, ok := r.(*kmsg.MetadataRequest)
		if !ok || len(req.Topics) == 0 || req.Topics[0].Topic == nil {
			return nil, nil, false
		}
		name := *req.Topics[0].Topic
		if asked[name]++; asked[name] > 2 {
			return nil, nil, false
		}
		resp, ok := req.ResponseKind().(*kmsg.MetadataResponse)
		if !ok {
			t.Errorf("%T answers a metadata request", req.ResponseKind())
			return nil, nil, false
		}
		unknown := kmsg.NewMetadataResponseTopic()
		unknown.Topic, unknown.ErrorCode = &name, kerr.UnknownTopicOrPartition.Code
		resp.Topics = append(resp.Topics, unknown)
		return resp, nil, true
	})
	got, err := topics.Ensure(t.Context(), c, spec(4, 2))
	if want := (topics.Layout{Partitions: 4, ResultPartitions: 2}); err != nil || got != want {
		t.Errorf("got the layout %v, error %v; want %v", got, err, want)
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
