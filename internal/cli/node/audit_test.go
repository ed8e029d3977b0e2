package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/results/recordtest"
	"parley/schemas"
)

// books are what a node tells of them; false: it cannot be asked.
func (n *running) books() (r schemas.AuditResource, ok bool) {
	a := n.once(http.MethodGet, "/v1/audit", "")
	if a.code != http.StatusOK {
		return r, false
	}
	if err := json.Unmarshal([]byte(a.body), &r); err != nil {
		n.t.Errorf("audit: %v: %s", err, a.body)
	}
	return r, true
}

// problems of all partitions, in words.
func problems(r schemas.AuditResource) (all []string) {
	for _, p := range r.Partitions {
		for _, problem := range p.Problems {
			all = append(all, fmt.Sprintf("%d: %s: %s", p.Partition, problem.Kind, problem.Detail))
		}
	}
	return all
}

// closed reports whether everything is stored and was compared since a time.
func closed(r schemas.AuditResource, since time.Time) bool {
	return r.OK && r.Complete && !slices.ContainsFunc(r.Partitions, func(p schemas.PartitionAudit) bool {
		return schemas.Sum(p.Open) != 0 || *p.Stored != *p.Produced || *p.CheckedTo != *p.Stored || p.CheckedAt.Before(since)
	})
}

// The books are in order at any time, while nodes come and go under load; and when a row is removed, or stands twice, all
// nodes say so, until that is mended.
func TestAudit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dsn := recordtest.Migrated(t)
	everything := Roles{Ingest: true, Processor: true, Results: true}
	recorded := func(c *Config) { c.ClickHouseDSN, c.AuditShare = dsn, 1 }
	first := s.start("a", everything, recorded)
	first.owns(8)

	loading, stop := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	calls := 0
	tasks.Go(func() {
		for ; loading.Err() == nil; calls += 3 {
			id := fmt.Sprintf("c%d", calls)
			first.send(id, "Row", 2, 2)
			first.send(id, []string{"Row", "Bad"}[calls%2], 1, 2)
			first.send(fmt.Sprintf("single%d", calls), "Row", 1, 1)
		}
	})
	told := 0
	tasks.Go(func() {
		for loading.Err() == nil {
			if r, ok := first.books(); ok {
				told++
				for _, p := range problems(r) {
					t.Errorf("a false alarm: %s", p)
				}
			}
			<-time.After(100 * time.Millisecond)
		}
	})
	for range 2 { // partitions of calls and of results move, and back
		other := s.start("b", everything, recorded)
		other.owns(4)
		other.stop()
		first.owns(8)
	}
	stop()
	tasks.Wait()
	if told < 5 {
		t.Errorf("the books were told of %d times", told)
	}

	other := s.start("b", everything, recorded)
	other.owns(4)
	conn := recordtest.Open(t, dsn)
	settle := func(what string) {
		t.Helper()
		since := time.Now()
		for _, n := range []*running{first, other} {
			var r schemas.AuditResource
			n.eventually(what+": the books are closed", func() bool { r, _ = n.books(); return closed(r, since) })
			accepted := int64(0)
			for _, p := range r.Partitions {
				accepted += *p.Accepted
			}
			if accepted != int64(calls) {
				t.Errorf("%d calls are accepted, %d were sent", accepted, calls)
			}
		}
	}
	settle("after the load")
	exec := func(statements ...string) {
		t.Helper()
		for _, statement := range statements {
			if err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name     string
		do, mend []string
		kind     schemas.AuditProblemKind
	}{
		{
			"a result is removed", []string{"ALTER TABLE results_log DELETE WHERE sequence = 1 AND partition IN (SELECT partition FROM calls_log WHERE sequence = 1 LIMIT 1) SETTINGS mutations_sync = 1"},
			nil, schemas.ResultsMissing,
		},
		{
			"a conversation stands twice", []string{"SYSTEM STOP MERGES conversations_log", "INSERT INTO conversations_log SELECT * FROM conversations_log LIMIT 1"},
			[]string{"SYSTEM START MERGES conversations_log", "OPTIMIZE TABLE conversations_log FINAL"}, schemas.EventsRepeated,
		},
		{"calls are removed", []string{"ALTER TABLE calls_log DELETE WHERE sequence > 3 SETTINGS mutations_sync = 1"}, nil, schemas.EventsMissing},
	} {
		exec(c.do...)
		for _, n := range []*running{first, other} {
			n.eventually(c.name+": that is told", func() bool {
				r, _ := n.books()
				return !r.OK && strings.Contains(strings.Join(problems(r), "\n"), string(c.kind))
			})
		}
		if c.mend == nil {
			continue
		}
		exec(c.mend...)
		for _, n := range []*running{first, other} {
			n.eventually(c.name+": that is mended", func() bool {
				r, ok := n.books()
				return ok && !strings.Contains(strings.Join(problems(r), "\n"), string(c.kind))
			})
		}
	}
}
