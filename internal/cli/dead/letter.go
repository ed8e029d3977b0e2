// Package dead reads parley.dead, where the records lie that nothing could be made of, and sends them on their way
// again.
package dead

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// Place is where a record lies in Kafka; zero: it is not known.
type Place struct {
	Topic     string
	Partition int32
	// Offset is negative when it is not known.
	Offset int64
}

// String is the place in short, empty if it is not known.
func (p Place) String() string {
	switch {
	case p.Topic == "":
		return ""
	case p.Offset < 0:
		return fmt.Sprintf("%s/%d", p.Topic, p.Partition)
	}
	return fmt.Sprintf("%s/%d@%d", p.Topic, p.Partition, p.Offset)
}

// Letter is a record of parley.dead: a record as it came, and why it is there.
type Letter struct {
	// At is when it was put there.
	At        time.Time
	Partition int32
	Offset    int64
	// Code and Detail are the reason.
	Code   schemas.Code
	Detail string
	// Source is where the record came from; zero: the letter does not say.
	Source Place
	// Key, Value and Headers are those of the record as it came. A record that was too long to be kept has none.
	Key, Value []byte
	Headers    []kgo.RecordHeader
}

// Empty reports whether nothing but the reason was kept.
func (l *Letter) Empty() bool { return len(l.Value) == 0 }

// reasons are the headers which say why a record is dead.
var reasons = []string{
	schemas.HeaderErrorCode, schemas.HeaderErrorDetail,
	schemas.HeaderSourceTopic, schemas.HeaderSourcePartition, schemas.HeaderSourceOffset,
}

// letterOf reads a record of parley.dead. The reasons stand behind the headers that the record came with, which may
// have the same names.
func letterOf(r *kgo.Record) Letter {
	said := make(map[string]string, len(reasons))
	came := len(r.Headers)
	for came > 0 {
		h := r.Headers[came-1]
		if _, twice := said[h.Key]; twice || !slices.Contains(reasons, h.Key) {
			break
		}
		said[h.Key] = string(h.Value)
		came--
	}
	return Letter{
		At:        r.Timestamp,
		Partition: r.Partition,
		Offset:    r.Offset,
		Code:      schemas.Code(said[schemas.HeaderErrorCode]),
		Detail:    strings.TrimPrefix(said[schemas.HeaderErrorDetail], said[schemas.HeaderErrorCode]+": "),
		Source:    source(said),
		Key:       r.Key,
		Value:     r.Value,
		Headers:   r.Headers[:came],
	}
}

// source is where a record came from; zero when that is not said in full.
func source(said map[string]string) Place {
	partition, err := strconv.ParseInt(said[schemas.HeaderSourcePartition], 10, 32)
	offset, err2 := strconv.ParseInt(said[schemas.HeaderSourceOffset], 10, 64)
	if err != nil || err2 != nil || partition < 0 || offset < 0 {
		return Place{}
	}
	return Place{Topic: said[schemas.HeaderSourceTopic], Partition: int32(partition), Offset: offset}
}
