package schemas

import (
	"fmt"
	"slices"
	"time"
)

// AuditResource is the answer to GET /v1/audit.
type AuditResource struct {
	// OK: nothing is known to be wrong. Complete: everything is known that is asked for.
	OK         bool             `json:"ok"`
	Complete   bool             `json:"complete"`
	Partitions []PartitionAudit `json:"partitions"`
}

// PartitionAudit are the books of a partition. What is null is not known, for a reason that Unknown tells.
type PartitionAudit struct {
	Partition  int32                `json:"partition"`
	OK         bool                 `json:"ok"`
	Accepted   *int64               `json:"accepted"`
	Final      map[CallStatus]int64 `json:"final"`
	Open       map[CallStatus]int64 `json:"open"`
	Resent     *int64               `json:"resent"`
	Produced   *int64               `json:"produced"`
	Stored     *int64               `json:"stored"`
	LagSeconds *float64             `json:"lagSeconds"`
	// CheckedFrom, CheckedTo and CheckedAt tell which rows of the record were compared last, and when that began.
	CheckedFrom *int64         `json:"checkedFrom"`
	CheckedTo   *int64         `json:"checkedTo"`
	CheckedAt   *time.Time     `json:"checkedAt"`
	Problems    []AuditProblem `json:"problems"`
	Unknown     []string       `json:"unknown"`
}

// RecordBooks is what the record tells of itself.
type RecordBooks struct {
	// Stored is up to which sequence it has the events of each partition; one that is missing has none.
	Stored map[int32]int64
	// Audits are what was found of partitions.
	Audits []RecordAudit
}

// AuditAgeMax is after how long what was found of the record is not taken for what it is now.
const AuditAgeMax = 10 * time.Minute

// NewAudit holds what the owners of partitions have counted against what the record has. The owners were told what it had.
// A nil record gives no answer.
func NewAudit(counts []PartitionCounts, record *RecordBooks, partitions int32, now time.Time) AuditResource {
	r := AuditResource{OK: true, Complete: true, Partitions: make([]PartitionAudit, partitions)}
	for p := range r.Partitions {
		r.Partitions[p] = PartitionAudit{Partition: int32(p), Problems: []AuditProblem{}, Unknown: []string{}}
	}
	for i := range counts {
		if p := counts[i].Partition; p >= 0 && p < partitions {
			r.Partitions[p].count(&counts[i])
		}
	}
	if record != nil {
		for p := range r.Partitions {
			stored := record.Stored[int32(p)]
			r.Partitions[p].Stored = &stored
		}
		for i := range record.Audits {
			if p := record.Audits[i].Partition; p >= 0 && p < partitions {
				r.Partitions[p].checked(&record.Audits[i])
			}
		}
	}
	for i := range r.Partitions {
		p := &r.Partitions[i]
		p.conclude(now)
		r.OK = r.OK && p.OK
		r.Complete = r.Complete && len(p.Unknown) == 0
	}
	return r
}

// count takes down what the owner has counted, and whether that is as it must be.
func (a *PartitionAudit) count(c *PartitionCounts) {
	a.Accepted, a.Final, a.Open, a.Resent, a.Produced, a.LagSeconds = &c.Accepted, c.Final, c.Open, &c.Resent, &c.Produced, &c.LagSeconds
	final, open := Sum(c.Final), Sum(c.Open)
	if d := c.Accepted - final - open - c.Resent; d != 0 {
		a.problem(EquationBroken, max(d, -d), "%d accepted are not %d final + %d open + %d resent", c.Accepted, final, open, c.Resent)
	}
	if d := c.OpenTotal - open; d != 0 {
		a.problem(OpenMiscounted, max(d, -d), "%d calls are open, one by one, and the counter says %d", open, c.OpenTotal)
	}
}

func (a *PartitionAudit) checked(r *RecordAudit) {
	a.CheckedFrom, a.CheckedTo, a.CheckedAt = &r.From, &r.To, &r.At
	a.Problems = append(a.Problems, r.Problems...)
}

// conclude says what follows from all that was taken down.
func (a *PartitionAudit) conclude(now time.Time) {
	unknown := func(format string, args ...any) { a.Unknown = append(a.Unknown, fmt.Sprintf(format, args...)) }
	switch {
	case a.Produced == nil:
		unknown("no owner of the partition answers")
	case a.Stored != nil && *a.Stored > *a.Produced:
		a.problem(StoredAhead, *a.Stored-*a.Produced, "the record has events up to %d, and the owner has written %d", *a.Stored, *a.Produced)
	}
	switch {
	case a.Stored == nil:
		unknown("ClickHouse does not answer")
	case a.CheckedAt == nil:
		unknown("the rows in ClickHouse have not been compared yet; a process with the role results does that")
	case now.Sub(*a.CheckedAt) > AuditAgeMax:
		unknown("the rows in ClickHouse were last compared at %s; a process with the role results does that", a.CheckedAt.Format(time.RFC3339))
	}
	slices.SortStableFunc(a.Problems, func(x, y AuditProblem) int {
		return slices.Index(AuditProblemKinds(), x.Kind) - slices.Index(AuditProblemKinds(), y.Kind)
	})
	a.OK = len(a.Problems) == 0
}

func (a *PartitionAudit) problem(kind AuditProblemKind, count int64, format string, args ...any) {
	a.Problems = append(a.Problems, AuditProblem{Kind: kind, Detail: fmt.Sprintf(format, args...), Count: count})
}
