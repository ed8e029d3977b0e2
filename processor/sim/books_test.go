package sim

import (
	"context"
	"time"

	"parley/schemas"
)

// auditEvery is how often the books of all processes are looked at.
const auditEvery = 100 * time.Millisecond

// audit looks at the books of all processes again and again, until the run is over.
func (w *world) audit() {
	produced := make(map[int32]int64)
	for {
		w.wait(auditEvery)
		select {
		case <-w.over:
			return
		default:
		}
		for id := range int32(partitions) {
			produced[id] = max(produced[id], w.books(id, produced[id]))
		}
	}
}

// books holds the counts of a partition against each other, whoever tells them, and returns how many events there are.
// No owner knows of fewer than another did.
func (w *world) books(id int32, before int64) (produced int64) {
	for _, m := range w.machines {
		c, ok := m.count(id)
		if !ok {
			continue
		}
		final, open := schemas.Sum(c.Final), schemas.Sum(c.Open)
		if c.Accepted != final+open+c.Resent || open != c.OpenTotal {
			w.fail("the books of a partition are in order", "", "partition %d at %s: %+v", id, m.name, c)
		}
		for status, n := range c.Open {
			if n < 0 {
				w.fail("the books of a partition are in order", "", "partition %d at %s: %d %s", id, m.name, n, status)
			}
		}
		if c.Produced < before {
			w.fail("no owner knows of fewer events than another did", "", "partition %d at %s: %d after %d", id, m.name, c.Produced, before)
		}
		produced = max(produced, c.Produced)
	}
	return produced
}

// closed: at the end no call is open any more.
func (w *world) closed() {
	for id := range int32(partitions) {
		told := false
		for _, m := range w.machines {
			c, ok := m.count(id)
			if told = told || ok; ok && schemas.Sum(c.Open) != 0 {
				w.fail("all calls end", "", "partition %d at %s: %v", id, m.name, c.Open)
			}
		}
		if !told {
			w.fail("the books of each partition can be asked for", "", "partition %d", id)
		}
	}
}

// count asks the machine's process for the counts of a partition. false: it cannot tell.
func (m *machine) count(id int32) (schemas.PartitionCounts, bool) {
	p := m.running()
	if p == nil {
		return schemas.PartitionCounts{}, false
	}
	counts, err := p.member.Audit(context.Background(), nil, id)
	if err != nil || len(counts) != 1 {
		return schemas.PartitionCounts{}, false
	}
	return counts[0], true
}
