package dead_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/cli/dead"
	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/schemas"
)

var names = schemas.TopicsOf("p")

const partitions = 8

// cluster is a Kafka with Parley's topics.
type cluster struct {
	t      *testing.T
	seeds  kgo.Opt
	client *kgo.Client
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	c := &cluster{t: t, seeds: kgo.SeedBrokers(k.ListenAddrs()...)}
	if c.client, err = kgo.NewClient(c.seeds, kgo.RecordPartitioner(kgo.ManualPartitioner())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.client.Close)
	spec := topics.Spec{Topics: names, Layout: topics.Layout{Partitions: partitions, ResultPartitions: 2}, Replication: 1}
	if _, err := topics.Ensure(t.Context(), c.client, spec); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) box() *dead.Box {
	c.t.Helper()
	b, err := dead.Open(c.t.Context(), names, c.seeds)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(b.Close)
	return b
}

// bury puts a record on parley.dead, with the reasons behind its headers, and returns its offset.
func (c *cluster) bury(r kgo.Record, code schemas.Code, source dead.Place) int64 {
	c.t.Helper()
	r.Topic, r.Partition = names.Dead, 0
	r.Headers = slices.Concat(r.Headers, []kgo.RecordHeader{
		header(schemas.HeaderErrorCode, string(code)),
		header(schemas.HeaderErrorDetail, string(code)+": why"),
		header(schemas.HeaderSourceTopic, source.Topic),
		header(schemas.HeaderSourcePartition, fmt.Sprint(source.Partition)),
		header(schemas.HeaderSourceOffset, fmt.Sprint(source.Offset)),
	})
	if err := c.client.ProduceSync(c.t.Context(), &r).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
	return r.Offset
}

func header(name, value string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: name, Value: []byte(value)}
}

func calls(partition int32, offset int64) dead.Place {
	return dead.Place{Topic: names.Calls, Partition: partition, Offset: offset}
}

// at is the record that lies at a place.
func (c *cluster) at(p dead.Place) *kgo.Record {
	c.t.Helper()
	reader, err := kgo.NewClient(c.seeds, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{p.Topic: {p.Partition: kgo.NewOffset().At(p.Offset)}}))
	if err != nil {
		c.t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), testkit.Patience)
	defer cancel()
	fetches := reader.PollRecords(ctx, 1)
	if err := fetches.Err(); err != nil {
		c.t.Fatal(err)
	}
	return fetches.Records()[0]
}

// count is how many records a topic has.
func (c *cluster) count(topic string) int64 {
	c.t.Helper()
	ends, err := kadm.NewClient(c.client).ListEndOffsets(c.t.Context(), topic)
	if err != nil {
		c.t.Fatal(err)
	}
	var n int64
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}

func TestReplayAppendsTheRecordAsItCame(t *testing.T) {
	t.Parallel()
	key := "acme/order"
	home := topics.Partition(key, partitions)
	came := []kgo.RecordHeader{header("type", "call"), header("trace", "x")}
	tests := []struct {
		name   string
		buried kgo.Record
		source dead.Place
		want   int32 // partition
	}{
		{"a call, to the partition of its key", kgo.Record{Key: []byte(key), Headers: came}, calls((home+1)%partitions, 5), home},
		{"a call without key, where it was", kgo.Record{Headers: came}, calls(3, 5), 3},
		{"a call that was forwarded", kgo.Record{Key: []byte(key), Headers: append(slices.Clone(came), header("first-appended-ms", "1"), header("forwarded-from", "7"))}, calls(home, 5), home},
		{"a result, where it was", kgo.Record{Key: []byte(key), Headers: came}, dead.Place{Topic: names.Results, Partition: 1}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			tt.buried.Value = []byte("\x00value")
			offset := c.bury(tt.buried, schemas.Internal, tt.source)
			b := c.box()
			l, err := b.Letter(t.Context(), 0, offset)
			if err != nil || l.Code != schemas.Internal || l.Detail != "why" || l.Source != tt.source {
				t.Fatalf("letter: %+v, %v", l, err)
			}
			to, err := b.NewReplay(false).Append(t.Context(), &l)
			if err != nil || to.Topic != tt.source.Topic || to.Partition != tt.want {
				t.Fatalf("appended to %v, %v, want %s partition %d", to, err, tt.source.Topic, tt.want)
			}
			r := c.at(to)
			if string(r.Key) != string(tt.buried.Key) || string(r.Value) != "\x00value" || fmt.Sprint(r.Headers) != fmt.Sprint(came) {
				t.Errorf("appended %q %q %v, want it as it came", r.Key, r.Value, r.Headers)
			}
		})
	}
}

// TestOwnHeadersOfTheSameNamesAreKept: a sender's header may be called as one of ours.
func TestOwnHeadersOfTheSameNamesAreKept(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	offset := c.bury(kgo.Record{Value: []byte("v"), Headers: []kgo.RecordHeader{header("error-code", "theirs")}}, schemas.TooLarge, calls(1, 2))
	l, err := c.box().Letter(t.Context(), 0, offset)
	if err != nil || l.Code != schemas.TooLarge || len(l.Headers) != 1 || string(l.Headers[0].Value) != "theirs" {
		t.Errorf("letter: %+v, %v, want TooLarge and the header that it came with", l, err)
	}
}

func TestReplayRefusesWhatCannotGoBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		value  string
		source dead.Place
		why    string
	}{
		{"cut down to the reason", "", calls(0, 1), "only the reason was kept"},
		{"without a source", "v", dead.Place{}, "does not say where"},
		{"of another's topic", "v", dead.Place{Topic: "other.calls"}, "which Parley does not read"},
		{"of the dead themselves", "v", dead.Place{Topic: names.Dead}, "which Parley does not read"},
		{"of a partition that there is not", "v", calls(partitions, 1), "it came from partition 8 of p.calls, which has 8"},
	}
	c := newCluster(t)
	b := c.box()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := b.Letter(t.Context(), 0, c.bury(kgo.Record{Value: []byte(tt.value)}, schemas.InvalidBody, tt.source))
			if err != nil {
				t.Fatal(err)
			}
			_, err = b.NewReplay(false).Append(t.Context(), &l)
			if _, refused := errors.AsType[*dead.RefusedError](err); !refused || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("error %v, want %q", err, tt.why)
			}
		})
	}
	if n := c.count(names.Calls); n != 0 {
		t.Errorf("%d calls were appended", n)
	}
}

// TestReplayAppendsARecordOnce although it was buried twice, as the sink may.
func TestReplayAppendsARecordOnce(t *testing.T) {
	t.Parallel()
	for _, dryRun := range []bool{false, true} {
		c := newCluster(t)
		for range 2 {
			c.bury(kgo.Record{Value: []byte("v")}, schemas.InvalidBody, calls(2, 7))
		}
		b := c.box()
		r := b.NewReplay(dryRun)
		var appended []string
		err := b.Read(t.Context(), dead.Filter{}, func(l dead.Letter) error {
			to, err := r.Append(t.Context(), &l)
			if _, refused := errors.AsType[*dead.RefusedError](err); err != nil && !refused {
				return err
			}
			appended = append(appended, to.String())
			return nil
		})
		want, n := []string{"p.calls/2@0", ""}, int64(1)
		if dryRun {
			want, n = []string{"p.calls/2", ""}, 0
		}
		if err != nil || !slices.Equal(appended, want) || c.count(names.Calls) != n {
			t.Errorf("dry run %t: appended to %q, %v, the topic has %d; want %q and %d", dryRun, appended, err, c.count(names.Calls), want, n)
		}
	}
}

func TestReadChooses(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	c := newCluster(t)
	for i, code := range []schemas.Code{schemas.InvalidBody, schemas.TooLarge, schemas.Internal, schemas.InvalidBody} {
		c.bury(kgo.Record{Value: []byte("v"), Timestamp: start.Add(time.Duration(i) * time.Hour)}, code, calls(0, int64(i)))
	}
	tests := []struct {
		name   string
		filter dead.Filter
		want   []int64
	}{
		{"all", dead.Filter{}, []int64{0, 1, 2, 3}},
		{"a code", dead.Filter{Codes: []schemas.Code{schemas.InvalidBody}}, []int64{0, 3}},
		{"two codes", dead.Filter{Codes: []schemas.Code{schemas.Internal, schemas.TooLarge}}, []int64{1, 2}},
		{"a code that nothing has", dead.Filter{Codes: []schemas.Code{schemas.PartTimeout}}, nil},
		{"from, included", dead.Filter{From: start.Add(time.Hour)}, []int64{1, 2, 3}},
		{"to, excluded", dead.Filter{To: start.Add(2 * time.Hour)}, []int64{0, 1}},
		{"a code and a time", dead.Filter{Codes: []schemas.Code{schemas.InvalidBody}, From: start.Add(time.Minute)}, []int64{3}},
		{"after all", dead.Filter{From: start.Add(24 * time.Hour)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []int64
			err := c.box().Read(t.Context(), tt.filter, func(l dead.Letter) error {
				got = append(got, l.Offset)
				return nil
			})
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("read %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

// TestReadEnds at what was there when it began, at a marker of a transaction, and where it is told to.
func TestReadEnds(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.bury(kgo.Record{Value: []byte("v")}, schemas.InvalidBody, calls(0, 1))
	writer, err := kgo.NewClient(c.seeds, kgo.TransactionalID("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for _, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		r := &kgo.Record{Topic: names.Dead, Value: fmt.Append(nil, end)}
		if err := errors.Join(writer.ProduceSync(t.Context(), r).FirstErr(), writer.EndTransaction(t.Context(), end)); err != nil {
			t.Fatal(err)
		}
	}
	b := c.box()
	read := func(f func(dead.Letter) error) []int64 {
		var offsets []int64
		if err := b.Read(t.Context(), dead.Filter{}, func(l dead.Letter) error {
			offsets = append(offsets, l.Offset)
			return f(l)
		}); err != nil {
			t.Error(err)
		}
		return offsets
	}
	more := func(dead.Letter) error {
		c.bury(kgo.Record{Value: []byte("v")}, schemas.InvalidBody, calls(0, 2))
		return nil
	}
	if got := read(more); !slices.Equal(got, []int64{0, 3}) {
		t.Errorf("read %v, want what was committed before", got)
	}
	if got := read(func(dead.Letter) error { return dead.ErrStop }); !slices.Equal(got, []int64{0}) {
		t.Errorf("read %v after it was told to stop", got)
	}
	for _, id := range []struct {
		partition int32
		offset    int64
	}{{0, 1}, {0, 2}, {0, 1000}, {1, 0}} {
		if l, err := b.Letter(t.Context(), id.partition, id.offset); err == nil {
			t.Errorf("at %d/%d there is %+v", id.partition, id.offset, l)
		}
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	if _, err := dead.Open(t.Context(), schemas.TopicsOf("other"), c.seeds); err == nil || !strings.Contains(err.Error(), "no topic other.dead") {
		t.Errorf("other topics: %v", err)
	}
	if _, err := dead.Open(t.Context(), names, kgo.SeedBrokers("127.0.0.1:1")); !errors.Is(err, dead.ErrNoAnswer) {
		t.Errorf("no broker: %v", err)
	}
}
