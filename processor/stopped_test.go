package processor_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/topics"
	"parley/processor"
	"parley/processor/notify"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// A record of the state that cannot be read stops its partition, wherever it is met, and no other: nothing of it is
// acknowledged away or carried out. When the record has been mended, the next process goes on as if nothing had been.
func TestUnreadableStateStopsItsPartitionAlone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// kind is the first byte of the key of the record: see package store.
		kind   byte
		damage func(t *testing.T, value []byte) []byte
		// sent are the calls that come then; at the first of them the record is read, at the latest.
		sent []string
	}{
		{"its own record, while it is caught up", 'm', truncated, []string{second, late}},
		{"a conversation, while it is caught up", 'c', truncated, []string{second, late}},
		{"a part, while it is caught up", 'p', truncated, []string{second, late}},
		{"a request, by a turn", 'r', newer, []string{late, second}},
		{"the call in a part, by a turn", 'p', withoutCall, []string{second, late}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x, dir := new(recorder), t.TempDir()
			c.prepare(x, dir)
			sound := c.lastState(tt.kind)
			c.setState(sound, tt.damage(t, slices.Clone(sound.Value)))

			log, metrics := new(logBuffer), prometheus.NewRegistry()
			p, stop := c.start(x, dir, func(cfg *processor.Config) {
				cfg.Log, cfg.Metrics = slog.New(slog.NewTextHandler(log, nil)), metrics
			})
			var first schemas.Position
			for i, call := range tt.sent {
				at := c.put(&kgo.Record{Partition: home, Value: []byte(call)})
				if i == 0 {
					first = at
				}
			}
			c.awaitStopped(metrics)
			for _, id := range elsewhere() {
				c.send("acme/"+id, part(id, 1, 1))
				await(t, p, id)
			}
			_, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: open})
			if e, ok := errors.AsType[*schemas.NotOwnedError](err); !ok || !slices.Equal(e.Partitions, []int32{home}) {
				t.Errorf("a poll is answered %v, want that partition %d is not owned", err, home)
			}
			if err := p.Stopped(); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("[%d]", home)) {
				t.Errorf("stopped are %v, want partition %d", err, home)
			}
			if n := strings.Count(log.String(), "partition stopped"); n != 1 || !strings.Contains(log.String(), "ParleyPartitionStopped") {
				t.Errorf("the log says it %d times: %s", n, log.String())
			}
			if at := c.committedOffset(home); at > first.Offset {
				t.Errorf("the group has committed offset %d, but the call at %d was not carried out", at, first.Offset)
			}
			stop()

			c.setState(sound, sound.Value)
			p, _ = c.start(x, dir)
			if r := await(t, p, open); r.Status != schemas.ConversationComplete {
				t.Errorf("conversation: %+v, want Complete", r)
			}
			if err := p.Stopped(); err != nil {
				t.Errorf("stopped are %v, want none", err)
			}
			want := []string{done + "-1", open + "-1", open + "-2"}
			for _, id := range elsewhere() {
				want = append(want, id+"-1")
			}
			got := x.executed()
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("executed %q, want %q", got, want)
			}
			once(t, c.events(6+2*len(elsewhere())))
		})
	}
}

// Every process that is given the partition stops it, and carries out the others that it has.
func TestUnreadableStateStopsItsPartitionWhoeverHasIt(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x, dir := new(recorder), t.TempDir()
	c.prepare(x, dir)
	sound := c.lastState('m')
	c.setState(sound, truncated(t, slices.Clone(sound.Value)))
	first, second := prometheus.NewRegistry(), prometheus.NewRegistry()
	_, stop := c.start(x, dir, func(cfg *processor.Config) { cfg.Metrics = first })
	c.awaitStopped(first)
	p, _ := c.start(x, t.TempDir(), func(cfg *processor.Config) { cfg.Metrics, cfg.Instance = second, "b" })
	stop()
	c.awaitStopped(second)
	for _, id := range elsewhere() {
		c.send("acme/"+id, part(id, 1, 1))
		await(t, p, id)
	}
	if n, err := testutil.GatherAndCount(first, "parley_partition_stopped"); err != nil || n != 0 {
		t.Errorf("%d partitions are told of by who has left, %v", n, err)
	}
}

// So does one of what is to be told, met while the partition is caught up or when the time to tell has come: nothing is given
// up of it.
func TestUnreadableNoticeStopsItsPartitionAlone(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]byte{"notice": 'k', "delivery": 'v'} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			dir := t.TempDir()
			away := &receiver{verdict: func(*notify.Notification) notify.Verdict { return notify.Verdict{Kind: notify.Again, Code: "Away"} }}
			_, stop := c.start(new(recorder), dir, away.posted)
			c.sendTo(home, "", toldPart(done, 1, 1, target("host", schemas.RespondOnCallComplete, "")))
			away.await(t, 1)
			stop()
			sound := c.lastState(kind)
			c.setState(sound, truncated(t, slices.Clone(sound.Value)))

			metrics, told := prometheus.NewRegistry(), new(receiver)
			p, stop := c.start(new(recorder), dir, told.posted, func(cfg *processor.Config) { cfg.Metrics = metrics })
			c.awaitStopped(metrics)
			for _, id := range elsewhere() {
				c.send("acme/"+id, part(id, 1, 1))
				await(t, p, id)
			}
			if came := told.came(); len(came) > 0 {
				t.Errorf("told: %+v", came)
			}
			stop()

			c.setState(sound, sound.Value)
			c.start(new(recorder), dir, told.posted)
			if n := told.await(t, 1)[0]; n.Call.ConversationID != done {
				t.Errorf("told of %q, want %q", n.Call.ConversationID, done)
			}
		})
	}
}

// A result that cannot be read is no state: it keeps nobody from taking the partition, and its calls, over.
func TestUnreadableResultStopsNothing(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	_, stop := c.started(new(recorder), t.TempDir())
	stop()
	for p := range int32(partitions) {
		err := c.client.ProduceSync(t.Context(), &kgo.Record{
			Topic: c.topics.Results, Partition: p % 2, Value: []byte{0xff},
			Headers: []kgo.RecordHeader{{Key: schemas.HeaderPartition, Value: strconv.AppendInt(nil, int64(p), 10)}},
		}).FirstErr()
		if err != nil {
			t.Fatal(err)
		}
	}
	log := new(logBuffer)
	p, _ := c.start(new(recorder), t.TempDir(), func(cfg *processor.Config) { cfg.Log = slog.New(slog.NewTextHandler(log, nil)) })
	for q := range int32(partitions) {
		id := idOn(q, 0)
		c.send("acme/"+id, part(id, 1, 1))
		await(t, p, id)
	}
	if n := strings.Count(log.String(), "a result cannot be read"); n != partitions {
		t.Errorf("the log says it %d times, want %d: %s", n, partitions, log.String())
	}
}

// home is the partition that is to stop.
const home = int32(1)

// idOn names the conversation of acme with a number, from 0, of those that are on a partition.
func idOn(partition int32, number int) string {
	for i := 0; ; i++ {
		id := fmt.Sprintf("c%d", i)
		if topics.Partition("acme/"+id, partitions) != partition {
			continue
		}
		if number == 0 {
			return id
		}
		number--
	}
}

// On home there are a conversation that has ended, a call that came too late for it, and one that waits for its second part.
var (
	done, open = idOn(home, 0), idOn(home, 1)
	late       = strings.Replace(part(done, 1, 1), "Create", "Delete", 1)
	second     = part(open, 2, 2)
)

// elsewhere are conversations on the other partitions.
func elsewhere() []string {
	var ids []string
	for p := range int32(partitions) {
		if p != home {
			ids = append(ids, idOn(p, 0))
		}
	}
	return ids
}

// prepare has a processor take what came before, and end.
func (c *cluster) prepare(x processor.Executor, dir string) {
	c.t.Helper()
	p, stop := c.start(x, dir)
	c.sendTo(home, "", part(done, 1, 1))
	await(c.t, p, done)
	c.sendTo(home, "", late)
	c.sendTo(home, "", part(open, 1, 2))
	if !within(patience, func() bool {
		r, err := p.Conversation(c.t.Context(), schemas.ConversationQuery{Account: "acme", ID: open})
		return err == nil && r.Received == 1
	}) {
		c.t.Fatal("the first part was not taken")
	}
	stop()
}

// lastState is the last record of a kind in the state of home.
func (c *cluster) lastState(kind byte) *kgo.Record {
	c.t.Helper()
	var last *kgo.Record
	for _, r := range c.read(c.topics.State) {
		if r.Partition == home && r.Key[0] == kind && r.Value != nil {
			last = r
		}
	}
	if last == nil {
		c.t.Fatalf("partition %d has no record of kind %c", home, kind)
	}
	return last
}

// setState puts another value in the place of a record of the state.
func (c *cluster) setState(r *kgo.Record, value []byte) {
	c.t.Helper()
	r = &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: value}
	if err := c.client.ProduceSync(c.t.Context(), r).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
}

// awaitStopped returns when a process says of home alone that it has stopped it.
func (c *cluster) awaitStopped(metrics *prometheus.Registry) {
	c.t.Helper()
	var said strings.Builder
	fmt.Fprintln(&said, "# HELP parley_partition_stopped 1 for a partition that this process was given and leaves alone, as a record of its state cannot be read: its calls wait; else 0.")
	fmt.Fprintln(&said, "# TYPE parley_partition_stopped gauge")
	for p := range int32(partitions) {
		stopped := 0
		if p == home {
			stopped = 1
		}
		fmt.Fprintf(&said, "parley_partition_stopped{partition=\"%d\"} %d\n", p, stopped)
	}
	var err error
	if !within(patience, func() bool {
		err = testutil.GatherAndCompare(metrics, strings.NewReader(said.String()), "parley_partition_stopped")
		return err == nil
	}) {
		c.t.Fatal(err)
	}
}

// committedOffset is what the group has committed of a partition of the calls.
func (c *cluster) committedOffset(partition int32) int64 {
	c.t.Helper()
	offsets, err := kadm.NewClient(c.client).FetchOffsets(c.t.Context(), c.groups.processor)
	if err != nil {
		c.t.Fatal(err)
	}
	o, _ := offsets.Lookup(c.topics.Calls, partition)
	return o.At
}

// truncated is a record that was damaged.
func truncated(_ *testing.T, value []byte) []byte { return append(value[:1], 0x08, 0x01, 0xff) }

// newer is a record of a format that is not known yet.
func newer(_ *testing.T, value []byte) []byte {
	value[0]++
	return value
}

// withoutCall is a part with a call that is none.
func withoutCall(t *testing.T, value []byte) []byte {
	t.Helper()
	var m parleyv1.PartState
	if err := proto.Unmarshal(value[1:], &m); err != nil {
		t.Fatal(err)
	}
	m.Call = []byte{0xff}
	damaged, err := proto.Marshal(&m)
	if err != nil {
		t.Fatal(err)
	}
	return append(value[:1], damaged...)
}
