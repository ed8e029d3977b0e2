package ingest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/schemas"
)

// counted are the counts of partitions that are in order, of which each has so many events.
func counted(produced int64) []schemas.PartitionCounts {
	all := make([]schemas.PartitionCounts, partitions)
	for p := range all {
		all[p] = schemas.PartitionCounts{
			Partition: int32(p), Accepted: 16, Resent: 1, Produced: produced, OpenTotal: 5,
			Final: map[schemas.CallStatus]int64{schemas.OK: 8, schemas.Error: 2},
			Open:  map[schemas.CallStatus]int64{schemas.Staged: 4, schemas.Waiting: 1},
		}
	}
	return all
}

// compared is a record of which each partition has so many events, and which was compared at a time.
func compared(stored int64, at time.Time) *schemas.RecordBooks {
	b := &schemas.RecordBooks{Stored: make(map[int32]int64)}
	for p := range int32(partitions) {
		b.Stored[p] = stored
		b.Audits = append(b.Audits, schemas.RecordAudit{Partition: p, From: 1, To: stored, At: at})
	}
	return b
}

func TestBooks(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct {
		name         string
		live         []schemas.PartitionCounts
		record       *schemas.RecordBooks
		ok, complete bool
		problems     []schemas.AuditProblemKind // of partition 3
		unknown      string                     // in what is unknown of partition 3
	}{
		{name: "in order", live: counted(12), record: compared(12, now), ok: true, complete: true},
		{name: "the record is behind", live: counted(1200), record: compared(12, now), ok: true, complete: true},
		{name: "the record is ahead", live: counted(11), record: compared(12, now), complete: true, problems: []schemas.AuditProblemKind{schemas.StoredAhead}},
		{
			name: "a call is nowhere", live: changed(counted(12), func(c *schemas.PartitionCounts) { c.Accepted++ }), record: compared(12, now), complete: true,
			problems: []schemas.AuditProblemKind{schemas.EquationBroken},
		},
		{
			name: "the counter is wrong", live: changed(counted(12), func(c *schemas.PartitionCounts) { c.OpenTotal-- }), record: compared(12, now), complete: true,
			problems: []schemas.AuditProblemKind{schemas.OpenMiscounted},
		},
		{name: "an owner is silent", live: slices.Delete(counted(12), 3, 4), record: compared(12, now), ok: true, unknown: "no owner"},
		{name: "the record is silent", live: counted(12), ok: true, unknown: "ClickHouse does not answer"},
		{name: "nobody has compared", live: counted(12), record: &schemas.RecordBooks{}, ok: true, unknown: "have not been compared"},
		{name: "nobody compares any more", live: counted(12), record: compared(12, now.Add(-time.Hour)), ok: true, unknown: "last compared"},
		{
			name: "an owner is silent and a row is missing", live: slices.Delete(counted(12), 3, 4), unknown: "no owner", record: func() *schemas.RecordBooks {
				b := compared(12, now)
				b.Audits[3].Problems = []schemas.AuditProblem{{Kind: schemas.EventsMissing, Detail: "one", Count: 1, Sequences: []schemas.SequenceRange{{From: 7, To: 7}}}}
				return b
			}(), problems: []schemas.AuditProblemKind{schemas.EventsMissing},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			var told map[int32]int64
			h.live.tell(func(f *fakeSource) {
				f.answers.audit = func(stored map[int32]int64) ([]schemas.PartitionCounts, error) {
					told = maps.Clone(stored)
					return c.live, nil
				}
			})
			h.record.tell(func(f *fakeSource) { f.err, f.answers.books = schemas.ErrUnavailable, c.record })
			r := h.get(t, booksPath)
			var got schemas.AuditResource
			r.decode(t, &got)
			if r.status != http.StatusOK || got.OK != c.ok || got.Complete != c.complete || len(got.Partitions) != partitions {
				t.Fatalf("status %d: ok %v, complete %v: %s", r.status, got.OK, got.Complete, r.body)
			}
			var kinds []schemas.AuditProblemKind
			for _, p := range got.Partitions[3].Problems {
				kinds = append(kinds, p.Kind)
			}
			if unknown := strings.Join(got.Partitions[3].Unknown, "; "); !slices.Equal(kinds, c.problems) || !strings.Contains(unknown, c.unknown) || (unknown == "") != c.complete {
				t.Errorf("problems %v, unknown %q: %s", kinds, unknown, r.body)
			}
			if c.record != nil && !maps.Equal(told, c.record.Stored) {
				t.Errorf("the owners were told that %v is stored", told)
			}
		})
	}
}

func changed(all []schemas.PartitionCounts, change func(*schemas.PartitionCounts)) []schemas.PartitionCounts {
	change(&all[3])
	return all
}

// Who asks again within a second is told the same; when nobody answers, that is said.
func TestBooksAreToldAgain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	h := start(t, func(c *Config) { c.Now = func() time.Time { return now } })
	if p := h.get(t, booksPath).problem(t); p.Code != schemas.OwnerUnavailable {
		t.Errorf("with nobody there it answers %+v", p)
	}
	asked := 0
	h.live.tell(func(f *fakeSource) {
		f.answers.audit = func(map[int32]int64) ([]schemas.PartitionCounts, error) {
			asked++
			return counted(1), nil
		}
	})
	for range 5 {
		if r := h.get(t, booksPath); r.status != http.StatusOK {
			t.Fatalf("status %d: %s", r.status, r.body)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
