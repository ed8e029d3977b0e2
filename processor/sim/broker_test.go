package sim

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/topics"
	"parley/schemas"
)

const (
	partitions       = 4
	resultPartitions = 2
	group            = "parley.processor"
	// requests is the topic of the backend that takes calls from Kafka.
	requests = "backend.requests"
)

// broker is Kafka, and what a test asks of it directly.
type broker struct {
	network   kfake.VirtualNetwork
	kafka     *kfake.Cluster
	names     schemas.Topics
	requester *kgo.Client
	admin     *kadm.Client
	// refusals are those that have been asked for.
	refusals []*kfake.FaultHandle
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	b := &broker{names: schemas.TopicsOf("parley")}
	var err error
	if b.kafka, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(b.network.Listen), kfake.GroupMinSessionTimeout(time.Second)); err != nil {
		t.Fatal(err)
	}
	b.kafka.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.kafka.KeepControl()
		stamp(r)
		return nil, nil, false
	})
	client := b.client(t)
	b.requester, b.admin = client, kadm.NewClient(client)
	layout := topics.Layout{Partitions: partitions, ResultPartitions: resultPartitions}
	if _, err := topics.Ensure(t.Context(), client, topics.Spec{Topics: b.names, Layout: layout, Replication: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.admin.CreateTopic(t.Context(), partitions, 1, nil, requests); err != nil {
		t.Fatal(err)
	}
	return b
}

// stamp puts the broker's time on the records of a request, as a broker does on topics with LogAppendTime. (kfake does
// so for batches which say that their time is the broker's, but leaves their checksum as it was: so it finds its own
// time there, and a checksum that is right.)
func stamp(r kmsg.Request) {
	req, ok := r.(*kmsg.ProduceRequest)
	if !ok {
		return
	}
	const crc, attributes, firstTime, maxTime, appendTime = 17, 22, 27, 35, 0x08 // https://kafka.apache.org/documentation/#recordbatch
	now := uint64(time.Now().UnixMilli())
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			b := p.Records
			b[attributes] |= appendTime
			binary.BigEndian.PutUint64(b[firstTime:], now)
			binary.BigEndian.PutUint64(b[maxTime:], now)
			binary.BigEndian.PutUint32(b[crc:], crc32.Checksum(b[crc+4:], crc32.MakeTable(crc32.Castagnoli)))
		}
	}
}

func (b *broker) addresses() []string { return b.kafka.ListenAddrs() }

// client returns a client whose network never fails.
func (b *broker) client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(b.addresses()...), kgo.Dialer(b.network.DialContext))...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// record is a record as a read_committed reader gets it.
type record struct {
	*kgo.Record
	// committed is when the transaction that it belongs to was; when it was appended, if it belongs to none.
	committed time.Time
}

// read returns the committed records of a topic, markers included, in the order of their partitions and offsets.
func (b *broker) read(t *testing.T, topic string) []record {
	t.Helper()
	c := b.client(t, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer c.Close()
	var all []*kgo.Record
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		fetches := c.PollFetches(ctx)
		cancel()
		if fetches.NumRecords() == 0 {
			break
		}
		all = append(all, fetches.Records()...)
	}
	slices.SortFunc(all, func(x, y *kgo.Record) int {
		if x.Partition != y.Partition {
			return int(x.Partition - y.Partition)
		}
		return int(x.Offset - y.Offset)
	})
	return withCommits(all)
}

// withCommits finds the end of each record's transaction: the next marker of its producer in its partition.
func withCommits(all []*kgo.Record) []record {
	type producer struct {
		partition int32
		id        int64
	}
	out := make([]record, len(all))
	next := make(map[producer]time.Time)
	for i, r := range slices.Backward(all) {
		out[i] = record{Record: r, committed: r.Timestamp}
		of := producer{r.Partition, r.ProducerID}
		if r.Attrs.IsControl() {
			next[of] = r.Timestamp
		} else if r.Attrs.IsTransactional() {
			out[i].committed = next[of]
		}
	}
	return out
}

// header returns the value of a record's first header of that name.
func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// refuse has the broker refuse the offsets of the next n transactions.
func (b *broker) refuse(n int) {
	b.refusals = append(b.refusals, b.kafka.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Group: group, Err: kerr.RebalanceInProgress, Count: n}))
}

// expire removes a dead process from the group, if it still is there after the session timeout: kfake forgets to watch a
// member whose connection was gone when its join was answered.
func (b *broker) expire(process string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	groups, err := b.admin.DescribeGroups(ctx, group)
	if err != nil {
		return // the broker is closed: the run is over
	}
	for _, m := range groups[group].Members {
		if m.ClientID != process {
			continue
		}
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Group = group
		gone := kmsg.NewLeaveGroupRequestMember()
		gone.MemberID = m.MemberID
		req.Members = append(req.Members, gone)
		_, _ = req.RequestWith(ctx, b.requester) // as above
	}
}

// heal takes back what refuse has asked for.
func (b *broker) heal() {
	for _, h := range b.refusals {
		h.Remove()
	}
}
