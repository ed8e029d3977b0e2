package topics_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/topics"
)

const (
	trimmed   = "p.results"
	trimGroup = "readers"
)

// now is the time of the tests; the records of trimLog are so many hours older.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// trimLog is a topic of two partitions with ten records each, from 10 hours to 1 hour old, one an hour.
type trimLog struct {
	t      *testing.T
	kafka  *kfake.Cluster
	client *kgo.Client
	admin  *kadm.Client
}

func newTrimLog(t *testing.T) *trimLog {
	t.Helper()
	k, client := newCluster(t)
	l := &trimLog{t: t, kafka: k, client: client, admin: kadm.NewClient(client)}
	if _, err := l.admin.CreateTopic(t.Context(), 2, 1, nil, trimmed); err != nil {
		t.Fatal(err)
	}
	for p := range int32(2) {
		for hour := 10; hour > 0; hour-- {
			r := &kgo.Record{Topic: trimmed, Partition: p, Value: []byte("v"), Timestamp: now.Add(-time.Duration(hour) * time.Hour)}
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return l
}

func (l *trimLog) trimmer(after time.Duration) topics.Trimmer {
	return topics.Trimmer{Admin: l.admin, Topic: trimmed, Groups: []string{trimGroup}, After: after, Log: slog.New(slog.DiscardHandler)}
}

// commit commits offsets of the group, by partition.
func (l *trimLog) commit(offsets map[int32]int64) {
	l.t.Helper()
	var os kadm.Offsets
	for p, at := range offsets {
		os.AddOffset(trimmed, p, at, -1)
	}
	if err := l.admin.CommitAllOffsets(l.t.Context(), trimGroup, os); err != nil {
		l.t.Fatal(err)
	}
}

// starts are where the partitions begin.
func (l *trimLog) starts() [2]int64 {
	l.t.Helper()
	starts, err := l.admin.ListStartOffsets(l.t.Context(), trimmed)
	if err != nil {
		l.t.Fatal(err)
	}
	var out [2]int64
	for p := range out {
		o, _ := starts.Lookup(trimmed, int32(p))
		out[p] = o.Offset
	}
	return out
}

func TestTrimTakesWhatIsAppliedCommittedAndOld(t *testing.T) {
	t.Parallel()
	all := map[int32]int64{0: 10, 1: 10}
	tests := []struct {
		name      string
		after     time.Duration
		applied   map[int32]int64
		committed map[int32]int64
		want      [2]int64
	}{
		{"everything is done and old", time.Minute, all, all, [2]int64{10, 10}},
		{"time to look back", 4 * time.Hour, all, all, [2]int64{6, 6}}, // the one that is 4 h old to the millisecond stays
		{"between two records", 4*time.Hour + time.Millisecond, all, all, [2]int64{6, 6}},
		{"shorter by a millisecond", 4*time.Hour - time.Millisecond, all, all, [2]int64{7, 7}},
		{"nothing is old", 11 * time.Hour, all, all, [2]int64{}},
		{"for ever", 0, all, all, [2]int64{}},
		{"applied less than committed", time.Minute, map[int32]int64{0: 3, 1: 0}, all, [2]int64{3, 0}},
		{"committed less than applied", time.Minute, all, map[int32]int64{0: 7, 1: 1}, [2]int64{7, 1}},
		{"one partition was never committed", time.Minute, all, map[int32]int64{1: 5}, [2]int64{0, 5}},
		{"nothing was ever committed", time.Minute, all, nil, [2]int64{}},
		{"another's partition", time.Minute, map[int32]int64{1: 10}, all, [2]int64{0, 10}},
		{"nothing is owned", time.Minute, nil, all, [2]int64{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newTrimLog(t)
			if tt.committed != nil {
				l.commit(tt.committed)
			}
			for range 2 { // the second time there is nothing left to do
				if err := l.trimmer(tt.after).Trim(t.Context(), tt.applied, now); err != nil {
					t.Fatal(err)
				}
				if got := l.starts(); got != tt.want {
					t.Errorf("the partitions begin at %v, want %v", got, tt.want)
				}
			}
		})
	}
}

// TestTrimWaitsForTheEndOfATransaction: offsets that are part of an open transaction may never be committed.
func TestTrimWaitsForTheEndOfATransaction(t *testing.T) {
	t.Parallel()
	l := newTrimLog(t)
	end := l.commitInTransaction(10)
	all := map[int32]int64{0: 10, 1: 10}
	if err := l.trimmer(time.Minute).Trim(t.Context(), all, now); err != nil {
		t.Fatal(err)
	}
	if got := l.starts(); got != [2]int64{} {
		t.Errorf("while the transaction is open the partitions begin at %v", got)
	}
	end()
	if err := l.trimmer(time.Minute).Trim(t.Context(), all, now); err != nil {
		t.Fatal(err)
	}
	if got := l.starts(); got != [2]int64{10, 0} {
		t.Errorf("after its commit the partitions begin at %v, want 10 and 0", got)
	}
}

// commitInTransaction adds the group's offset of partition 0 to a transaction, which end commits.
func (l *trimLog) commitInTransaction(offset int64) (end func()) {
	l.t.Helper()
	ctx := l.t.Context()
	check := func(err error) {
		l.t.Helper()
		if err != nil {
			l.t.Fatal(err)
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(l.kafka.ListenAddrs()...), kgo.TransactionalID("t"))
	check(err)
	l.t.Cleanup(client.Close)
	check(client.BeginTransaction())
	check(client.ProduceSync(ctx, &kgo.Record{Topic: trimmed, Partition: 1, Value: []byte("v")}).FirstErr())
	id, epoch, err := client.ProducerID(ctx)
	check(err)
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = "t", id, epoch, trimGroup
	added, err := add.RequestWith(ctx, client)
	check(errors.Join(err, kerr.ErrorForCode(added.ErrorCode)))
	topic, err := l.admin.ListTopics(ctx, trimmed)
	check(err)
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = "t", id, epoch, trimGroup
	commit.Generation = -1 // of no member
	commit.Topics = []kmsg.TxnOffsetCommitRequestTopic{{
		Topic: trimmed, TopicID: topic[trimmed].ID,
		Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: offset, LeaderEpoch: -1}},
	}}
	committed, err := commit.RequestWith(ctx, client)
	check(errors.Join(err, kerr.ErrorForCode(committed.Topics[0].Partitions[0].ErrorCode)))
	return func() { check(client.EndTransaction(ctx, kgo.TryCommit)) }
}

// TestTrimSaysWhatTheBrokerRefused: an operator may have forgotten the right to delete.
func TestTrimSaysWhatTheBrokerRefused(t *testing.T) {
	t.Parallel()
	l := newTrimLog(t)
	l.commit(map[int32]int64{0: 10, 1: 10})
	l.kafka.ControlKey(int16(kmsg.DeleteRecords), func(r kmsg.Request) (kmsg.Response, error, bool) {
		resp, ok := r.ResponseKind().(*kmsg.DeleteRecordsResponse)
		if !ok {
			return nil, fmt.Errorf("%T answers a deletion", r.ResponseKind()), true
		}
		resp.Topics = []kmsg.DeleteRecordsResponseTopic{{
			Topic:      trimmed,
			Partitions: []kmsg.DeleteRecordsResponseTopicPartition{{ErrorCode: kerr.TopicAuthorizationFailed.Code}},
		}}
		return resp, nil, true
	})
	err := l.trimmer(time.Minute).Trim(t.Context(), map[int32]int64{0: 10}, now)
	if !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("error %v, want %v", err, kerr.TopicAuthorizationFailed)
	}
}

func TestTrimIsRareWhenRecordsAreKeptLong(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]time.Duration{
		time.Second: time.Second, time.Hour: 3 * time.Minute, 24 * time.Hour: 10 * time.Minute,
	} {
		if got := (topics.Trimmer{After: after}).Every(); got != want {
			t.Errorf("records that are kept for %s are trimmed every %s, want %s", after, got, want)
		}
	}
}

// What one of several groups has not passed stays, and everything where one of them has never been.
func TestTrimWaitsForAllGroups(t *testing.T) {
	t.Parallel()
	l := newTrimLog(t)
	l.commit(map[int32]int64{0: 9, 1: 9})
	trimmer := l.trimmer(time.Minute)
	trimmer.Groups = append(trimmer.Groups, "others")
	all := map[int32]int64{0: 10, 1: 10}
	if err := trimmer.Trim(t.Context(), all, now); err != nil {
		t.Fatal(err)
	}
	if got, want := l.starts(), [2]int64{}; got != want {
		t.Errorf("the partitions begin at %v, want %v: the others have read nothing", got, want)
	}
	var others kadm.Offsets
	others.AddOffset(trimmed, 1, 4, -1)
	if err := l.admin.CommitAllOffsets(t.Context(), "others", others); err != nil {
		t.Fatal(err)
	}
	if err := trimmer.Trim(t.Context(), all, now); err != nil {
		t.Fatal(err)
	}
	if got, want := l.starts(), [2]int64{0, 4}; got != want {
		t.Errorf("the partitions begin at %v, want %v", got, want)
	}
}
