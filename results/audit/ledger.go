package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"parley/schemas"
)

// ledger is what all rows of the record come to, as of one moment.
type ledger struct {
	// stored is up to which sequence all events of each partition must be there, from the first that must.
	stored, from []int64
	spans        map[spanKey]spanSums
	statuses     map[int32]statusCounts
}

// ledger adds up the contents of parts, which are all known.
func (a *Auditor) ledger(stored, from []int64, active []part) ledger {
	l := ledger{stored: stored, from: from, spans: make(map[spanKey]spanSums), statuses: make(map[int32]statusCounts)}
	for _, p := range active {
		c := a.contents[p.id()]
		for key, s := range c.spans {
			sum := l.spans[key]
			sum.add(s)
			l.spans[key] = sum
		}
		for partition, counts := range c.statuses {
			l.statuses[partition] = l.statuses[partition].plus(counts)
		}
	}
	return l
}

// check compares the ledger with what must be, and returns what is wrong, by partition.
func (a *Auditor) check(ctx context.Context, l ledger) (map[int32]finding, error) {
	wrong := a.wrong(l)
	found := make(map[int32]finding)
	inspected := make(map[spanKey]inspection)
	for _, w := range wrong {
		f, err := a.inspect(ctx, w, inspected)
		if err != nil {
			return nil, err
		}
		sum := found[w.key.partition]
		sum.add(f)
		found[w.key.partition] = sum
	}
	a.inspected = inspected
	return found, nil
}

// suspect is a span whose sums are not as they must be. from and to are the sequences of it that are in question.
type suspect struct {
	key      spanKey
	from, to int64
	want     sums
	got      spanSums
}

// wrong are the spans whose sums are not as they must be, in order.
func (a *Auditor) wrong(l ledger) []suspect {
	var wrong []suspect
	for p, last := range l.stored {
		partition := int32(p)
		for index := l.from[p] / spanLen; index <= last/spanLen; index++ {
			key := spanKey{partition, index}
			s := suspect{
				key:  key,
				from: max(l.from[p], index*spanLen),
				to:   min(last, (index+1)*spanLen-1),
				want: a.expected.events(index, last),
				got:  l.spans[key],
			}
			if s.from <= s.to && (s.got.events != s.want || s.got.results != s.got.wanted) {
				wrong = append(wrong, s)
			}
		}
	}
	return wrong
}

// statusesDiffer compares how calls ended with what the record says, for a partition whose events are all stored.
func (l *ledger) statusesDiffer(c schemas.PartitionCounts) (schemas.AuditProblem, bool) {
	p := schemas.AuditProblem{Kind: schemas.StatusesDiffer}
	has := l.statuses[c.Partition]
	for i, s := range finals {
		n := int64(0)
		if len(has) > 0 {
			n = int64(has[i])
		}
		if d := n - c.Final[s]; d != 0 {
			p.Count += max(d, -d)
			p.Detail += fmt.Sprintf("%s: the record has %d calls, the owner has counted %d; ", s, n, c.Final[s])
		}
	}
	p.Detail = p.Detail[:max(0, len(p.Detail)-len("; "))]
	return p, p.Count > 0
}

// rangesMax is how many ranges of sequences a problem names.
const rangesMax = 8

// tallied are events or rows that are wrong, and the first ranges of their sequences.
type tallied struct {
	n      int64
	ranges []schemas.SequenceRange
}

// at counts n at a range of sequences behind those that were counted before.
func (t *tallied) at(from, to, n int64) {
	if n == 0 {
		return
	}
	t.n += n
	if last := len(t.ranges) - 1; last >= 0 && t.ranges[last].To == from-1 {
		t.ranges[last].To = to
	} else if len(t.ranges) < rangesMax {
		t.ranges = append(t.ranges, schemas.SequenceRange{From: from, To: to})
	}
}

func (t *tallied) add(other tallied) {
	n := t.n + other.n
	for _, r := range other.ranges {
		t.at(r.From, r.To, 1)
	}
	t.n = n
}

// finding is what is wrong with rows.
type finding map[schemas.AuditProblemKind]*tallied

func (f finding) of(kind schemas.AuditProblemKind) *tallied {
	if f[kind] == nil {
		f[kind] = new(tallied)
	}
	return f[kind]
}

func (f *finding) add(other finding) {
	if *f == nil {
		*f = make(finding)
	}
	for kind, t := range other {
		f.of(kind).add(*t)
	}
}

// problems says a finding in words. None is not nil, as the table audit has an array in any case.
func (f finding) problems() []schemas.AuditProblem {
	out := []schemas.AuditProblem{}
	for _, kind := range slices.SortedFunc(maps.Keys(f), func(a, b schemas.AuditProblemKind) int { return cmp.Compare(a, b) }) {
		if t := f[kind]; t.n > 0 {
			out = append(out, schemas.AuditProblem{Kind: kind, Detail: detail(kind, t.n), Count: t.n, Sequences: t.ranges})
		}
	}
	return out
}

func detail(kind schemas.AuditProblemKind, n int64) string {
	switch kind {
	case schemas.EventsMissing:
		return fmt.Sprintf("%d events that the record is said to have are not in calls_log, conversations_log or deliveries_log", n)
	case schemas.EventsRepeated:
		return fmt.Sprintf("%d rows of calls_log, conversations_log or deliveries_log are of events that have one already", n)
	case schemas.ResultsMissing:
		return fmt.Sprintf("%d objects of calls in calls_log have no row in results_log", n)
	}
	return fmt.Sprintf("%d rows of results_log are of objects that have one already, or that their calls do not have", n)
}
