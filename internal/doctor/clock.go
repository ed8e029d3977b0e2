package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/schemas"
)

// Bounds of what clocks may differ. Nodes refuse what another has signed a minute ago.
const (
	skewWarned = time.Second
	skewMax    = 30 * time.Second
)

// clock is what somebody else's clock says.
type clock struct {
	subject string
	// ahead is by how much it is ahead of ours, give or take uncertain.
	ahead, uncertain time.Duration
	err              error
}

// read compares a time with ours: it was read at some moment between two of ours.
func read(subject string, began, ended, told time.Time) clock {
	half := ended.Sub(began) / 2
	return clock{subject: subject, ahead: told.Sub(began.Add(half)), uncertain: half}
}

// judgeClock judges one clock. What is within the round trip is no difference.
func judgeClock(check Check, c clock) Finding {
	f := Finding{Check: check, Subject: c.subject, Verdict: OK}
	if c.err != nil {
		f.Verdict, f.Found, f.Meaning = Unknown, c.err.Error(), "what time it has is not known"
		return f
	}
	word := "ahead of"
	by := c.ahead
	if by < 0 {
		by, word = -by, "behind"
	}
	f.Found = fmt.Sprintf("%s %s this clock, give or take %s", by.Round(time.Millisecond), word, c.uncertain.Round(time.Millisecond))
	switch least := by - c.uncertain; {
	case least > skewMax:
		f.Verdict = Failure
	case least > skewWarned:
		f.Verdict = Warning
	default:
		return f
	}
	f.Meaning = "times in statuses and reports disagree, what is scheduled begins at another time, and nodes that differ as much refuse one another"
	f.Remedy = "have all machines follow one time, as with chrony or systemd-timesyncd"
	return f
}

// checkClock has each broker say what time it is: by the append time of a tick, a record of the calls that changes nothing,
// in a partition that it leads.
func (k Kafka) checkClock(ctx context.Context, c topics.Cluster) Report {
	calls := c.Topic(k.Spec.Topics.Calls)
	if calls.Err != nil || k.ReadOnly || calls.Configs["message.timestamp.type"] == "CreateTime" {
		return Report{{Check: KafkaClock, Subject: "brokers", Verdict: Unknown, Found: "nothing was written that would tell", Meaning: "what time the brokers have is not known"}}
	}
	led := make(map[int32]int32) // a partition by the broker that leads it
	for p, of := range calls.Partitions {
		if of.Leader >= 0 {
			led[of.Leader] = int32(p)
		}
	}
	var r Report
	for _, told := range each(slices.Sorted(maps.Keys(led)), func(broker int32) clock {
		return k.tick(ctx, fmt.Sprintf("broker %d", broker), led[broker])
	}) {
		r = append(r, judgeClock(KafkaClock, told))
	}
	return r
}

// tick appends a tick and says what time it was there.
func (k Kafka) tick(ctx context.Context, subject string, partition int32) clock {
	record := &kgo.Record{
		Topic: k.Spec.Topics.Calls, Partition: partition,
		Headers: []kgo.RecordHeader{{Key: schemas.HeaderType, Value: []byte(schemas.RecordTick)}},
	}
	began := time.Now()
	if err := k.Client.ProduceSync(ctx, record).FirstErr(); err != nil {
		return clock{subject: subject, err: err}
	}
	return read(subject, began, time.Now(), record.Timestamp)
}
