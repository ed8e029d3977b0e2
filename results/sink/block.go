package sink

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	parleyv1 "parley/schemas/parley/v1"
)

// block is the rows of a range of offsets of one partition, [from, to). It grows until it is sealed; what a sealed
// block holds follows from the log alone.
type block struct {
	source source
	from   int64
	to     int64
	// planned is set once the range is committed as the partition's mark. A block that an earlier owner had planned
	// begins with it set, and with to at the end of that plan.
	planned bool
	sealed  bool
	// began is when the first record was read, written when it was appended to the log.
	began   time.Time
	written time.Time

	bytes         int
	results       []resultRow
	calls         []callRow
	conversations []conversationRow
	deliveries    []deliveryRow
	// reached has, by partition of the calls, the last sequence of the block.
	reached map[int32]int64
	// dead are the records whose events ClickHouse cannot hold.
	dead []deadRecord
}

// source is where a block comes from. The id tells a topic from an earlier one of that name, whose offsets meant
// other events; it is zero with brokers that do not know it.
type source struct {
	topic     string
	topicID   [16]byte
	partition int32
}

// tables returns what goes into each table, in the order in which it is inserted: stored is the last, as it says that
// all else is there.
func (b *block) tables() []table {
	return []table{
		tableOf("results_log", b.results, resultColumns()),
		tableOf("calls_log", b.calls, callColumns()),
		tableOf("conversations_log", b.conversations, conversationColumns()),
		tableOf("deliveries_log", b.deliveries, deliveryColumns()),
		tableOf("stored", b.storedRows(), storedColumns()),
	}
}

// rows counts the rows of events.
func (b *block) rows() int {
	return len(b.results) + len(b.calls) + len(b.conversations) + len(b.deliveries)
}

// token identifies what the block inserts into a table, among all inserts into it.
func (b *block) token(table string) string {
	s := b.source
	return fmt.Sprintf("%s:%s:%x:%d:%d-%d", table, s.topic, s.topicID, s.partition, b.from, b.to)
}

// add appends the event of a record that lies in the range, or follows it in a block that is not planned.
func (b *block) add(r *kgo.Record) {
	if !b.planned {
		b.to = r.Offset + 1
	}
	b.bytes += len(r.Value)
	e, err := decodeEvent(r.Value)
	if err != nil {
		b.dead = append(b.dead, deadRecord{r, err})
		return
	}
	if b.reached == nil {
		b.reached = map[int32]int64{}
	}
	b.reached[e.Partition] = max(b.reached[e.Partition], e.Sequence)
	switch kind := e.Event.(type) {
	case *parleyv1.ResultEvent_Call:
		b.calls = append(b.calls, newCallRow(e, kind.Call))
		for i, o := range kind.Call.Results {
			b.results = append(b.results, resultRow{event: e, call: kind.Call, ordinal: int32(i), object: o})
		}
	case *parleyv1.ResultEvent_Conversation:
		b.conversations = append(b.conversations, conversationRow{event: e, conversation: kind.Conversation})
	case *parleyv1.ResultEvent_Delivery:
		b.deliveries = append(b.deliveries, deliveryRow{event: e, delivery: kind.Delivery})
	}
}
