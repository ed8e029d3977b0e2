package schemas

import "time"

// PartitionCounts is what the owner of a partition of parley.calls has counted, as of one moment.
type PartitionCounts struct {
	Partition int32 `json:"partition"`
	// Accepted counts the calls that were read: Open, Resent, or ended with a status of Final.
	Accepted int64                `json:"accepted"`
	Final    map[CallStatus]int64 `json:"final"`
	// Open are those that have not ended, one by one from the conversations that there are; OpenTotal is the counter that
	// goes up and down as calls are accepted and end.
	Open      map[CallStatus]int64 `json:"open"`
	OpenTotal int64                `json:"openTotal"`
	Resent    int64                `json:"resent"`
	// Produced is the sequence of the last event: they are numbered from 1.
	Produced int64 `json:"produced"`
	// LagSeconds is the age of the oldest event behind what the record was said to have; 0: there is none. One that was
	// written before the owner took the partition over counts from then.
	LagSeconds float64 `json:"lagSeconds"`
}

// Sum adds up the calls of all statuses.
func Sum(byStatus map[CallStatus]int64) (n int64) {
	for _, calls := range byStatus {
		n += calls
	}
	return n
}

// AuditProblemKind says what is wrong with the books of a partition.
type AuditProblemKind string

const (
	// EquationBroken: accepted is not final + open + resent.
	EquationBroken AuditProblemKind = "EquationBroken"
	// OpenMiscounted: the open calls, counted one by one, are not as many as the counter says.
	OpenMiscounted AuditProblemKind = "OpenMiscounted"
	// StoredAhead: the record has events that the owner has not written.
	StoredAhead AuditProblemKind = "StoredAhead"
	// EventsMissing: the record lacks events up to where it is said to have all.
	EventsMissing AuditProblemKind = "EventsMissing"
	// EventsRepeated: rows of events stand in the record more than once. The views hide them.
	EventsRepeated AuditProblemKind = "EventsRepeated"
	// ResultsMissing: calls have fewer results than objects.
	ResultsMissing AuditProblemKind = "ResultsMissing"
	// ResultsRepeated: calls have more rows of results than objects. The views hide those that are equal.
	ResultsRepeated AuditProblemKind = "ResultsRepeated"
	// StatusesDiffer: calls ended with other statuses than the record says.
	StatusesDiffer AuditProblemKind = "StatusesDiffer"
)

// AuditProblemKinds are all there are.
func AuditProblemKinds() []AuditProblemKind {
	return []AuditProblemKind{
		EquationBroken, OpenMiscounted, StoredAhead, EventsMissing, EventsRepeated, ResultsMissing, ResultsRepeated, StatusesDiffer,
	}
}

// AuditProblem is something that is wrong with the books of a partition.
type AuditProblem struct {
	Kind AuditProblemKind `json:"kind"`
	// Detail says it in words.
	Detail string `json:"detail"`
	// Count is how many calls, events or rows are concerned.
	Count int64 `json:"count"`
	// Sequences are the first ranges of the events that are concerned; none for what concerns no event.
	Sequences []SequenceRange `json:"sequences,omitempty"`
}

// SequenceRange is a range of the sequences of a partition, both inclusive.
type SequenceRange struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// RecordAudit is what was found of a partition when all its rows in the record were last compared with what must be there.
type RecordAudit struct {
	Partition int32 `json:"partition"`
	// From and To are the sequences that were compared, both inclusive; before From rows may have gone by age. To before
	// From: there were none.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// At is when; zero: never.
	At       time.Time      `json:"at"`
	Problems []AuditProblem `json:"problems"`
}
