package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/pause"
	"parley/results/record"
	"parley/schemas"
)

// Live knows the counts of the partitions of which the record has the events up to the sequences in stored. After an error,
// those that are missing nobody can tell now.
type Live interface {
	Audit(ctx context.Context, stored map[int32]int64) ([]schemas.PartitionCounts, error)
}

// Config configures an Auditor. Fields without a default are required.
type Config struct {
	// Conn is to a database with the current schema (record.Open, record.Migrate). Whoever opened it closes it.
	Conn driver.Conn
	Live Live
	// Partitions is how many parley.calls has.
	Partitions int32
	// Mine reports whether it is this process that audits. Several may, which costs as much more.
	Mine func() bool
	// Every is the time from the beginning of a pass to that of the next, at the least. Zero: 2 s.
	Every time.Duration
	// Share is how much of the time passes may take: the time to the next is longer after a long one. Zero: 0.05.
	Share float64
	// Log is told of what an operator may want to know. Nil: slog.Default().
	Log *slog.Logger
	// Registerer receives the metrics parley_audit_*. Nil: they are not exported.
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() Config {
	c.Every = cmp.Or(c.Every, 2*time.Second)
	c.Share = cmp.Or(c.Share, 0.05)
	c.Log = cmp.Or(c.Log, slog.Default())
	return c
}

func (c Config) validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	need(c.Conn != nil && c.Live != nil && c.Mine != nil, "no connection, no live state, or nobody who says whose turn it is")
	need(c.Partitions >= 1 && c.Partitions <= schemas.PartitionsMax, fmt.Sprintf("partitions: from 1 to %d, not %d", schemas.PartitionsMax, c.Partitions))
	need(c.Every > 0, "the time between passes is negative")
	need(c.Share > 0 && c.Share <= 1, fmt.Sprintf("the share of the time is more than 0 and at most 1, not %v", c.Share))
	return errors.Join(errs...)
}

// Auditor compares the record with what must be in it. Run is its only user.
type Auditor struct {
	cfg     Config
	conn    driver.Conn
	metrics *metrics

	contents map[partName]*contents
	expected expected
	// inspected are the spans that were wrong in the last pass.
	inspected map[spanKey]inspection
	marks     marks
	// from is the first sequence of each partition that is compared; it never falls.
	from []int64
	// differ is what was found when the counts by status of a partition could be compared last.
	differ map[int32][]schemas.AuditProblem
	saved  map[int32]schemas.RecordAudit
	// past is what was stored in the last minute, when the tables are spread over a cluster.
	past []moment
	// rowsAtOnce bounds the rows that one statement reads, but for a part that has more.
	rowsAtOnce uint64
	// paid is how much of the time of the pass that is under way were pauses, and the work that they were for.
	paid time.Duration
}

// New returns an Auditor that does nothing before Run.
func New(cfg Config) (*Auditor, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure audit: %w", err)
	}
	m := newMetrics()
	if cfg.Registerer != nil {
		if err := cfg.Registerer.Register(m); err != nil {
			return nil, fmt.Errorf("register metrics of audit: %w", err)
		}
	}
	a := &Auditor{cfg: cfg, conn: cfg.Conn, metrics: m, rowsAtOnce: rowsAtOnce}
	a.forgetAll()
	return a, nil
}

func (a *Auditor) forgetAll() {
	a.contents = make(map[partName]*contents)
	a.inspected = make(map[spanKey]inspection)
	a.differ = make(map[int32][]schemas.AuditProblem)
	a.marks, a.from, a.saved, a.past = nil, nil, nil, nil
	a.metrics.clear()
}

// Run audits until ctx ends, which is no error, while it is this process that does. A ClickHouse or owners that are away do
// not end it.
func (a *Auditor) Run(ctx context.Context) error {
	failing := false
	for {
		began := time.Now()
		var took time.Duration
		switch {
		case a.cfg.Mine():
			a.paid = 0
			err := a.pass(ctx)
			if ctx.Err() != nil {
				return nil
			}
			took = time.Since(began) - a.paid
			if err != nil && !failing {
				a.cfg.Log.Warn("the record cannot be audited, trying again", slog.Any("error", err))
			}
			failing = err != nil
			a.metrics.passed(time.Since(began), err)
		case a.saved != nil:
			a.forgetAll()
		}
		if pause.For(ctx, a.rest(took)) != nil {
			return nil
		}
	}
}

// rest is the time to the next pass, or to the next statement of one, after one that took so long.
func (a *Auditor) rest(took time.Duration) time.Duration {
	return max(a.cfg.Every-took, a.cost(took))
}

// cost is for how long nothing is to be done after something that took so long.
func (a *Auditor) cost(took time.Duration) time.Duration {
	return time.Duration(float64(took) * (1/a.cfg.Share - 1))
}

// statementTimeout bounds one statement: the largest part has perhaps a billion rows.
const statementTimeout = 5 * time.Minute

// modest has ClickHouse do a statement beside what else it has to do.
func modest(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_threads":        1,
		"max_execution_time": int(statementTimeout.Seconds()),
	}))
}

// pass compares all rows once, and takes down what was found.
func (a *Auditor) pass(ctx context.Context) error {
	ctx = modest(ctx)
	if err := a.begin(ctx); err != nil {
		return err
	}
	began := time.Now()
	stored, active, err := a.readAll(ctx)
	if err != nil {
		return err
	}
	counts, err := a.cfg.Live.Audit(ctx, byPartition(stored))
	if err != nil {
		a.cfg.Log.Debug("not all owners tell of their partitions", slog.Any("error", err))
	}
	if err := a.writeMarks(ctx, a.marks.due(counts, began)); err != nil {
		return err
	}
	retention, err := record.RetentionInForce(ctx, a.conn)
	if err != nil {
		return err
	}
	l := a.ledger(stored, a.keptFrom(stored, retention.Results, began), active)
	found, err := a.check(ctx, l)
	if err != nil {
		return err
	}
	a.compareStatuses(l, counts)
	audits := make([]schemas.RecordAudit, len(stored))
	for p := range stored {
		id := int32(p)
		audits[p] = schemas.RecordAudit{
			Partition: id,
			From:      l.from[p],
			To:        stored[p],
			At:        began.Truncate(time.Millisecond).UTC(),
			Problems:  append(found[id].problems(), a.differ[id]...),
		}
	}
	a.tell(schemas.NewAudit(counts, &schemas.RecordBooks{Stored: byPartition(stored), Audits: audits}, a.cfg.Partitions, time.Now()))
	return a.save(ctx, audits)
}

// keptFrom is the first sequence of each partition that must still be there. While nobody knows it, none must.
func (a *Auditor) keptFrom(stored []int64, keep time.Duration, now time.Time) []int64 {
	from := make([]int64, len(stored))
	for p := range from {
		first, known := a.marks.kept(int32(p), keep, now)
		if !known {
			from[p] = max(a.from[p], stored[p]+1)
			continue
		}
		a.from[p] = max(a.from[p], first)
		from[p] = a.from[p]
	}
	return from
}

// begin reads what was known before this process began.
func (a *Auditor) begin(ctx context.Context) (err error) {
	if a.saved != nil {
		return nil
	}
	if a.marks, err = a.readMarks(ctx); err != nil {
		return err
	}
	saved, err := a.readSaved(ctx)
	if err != nil {
		return err
	}
	a.from = make([]int64, a.cfg.Partitions)
	for p := range a.from {
		a.from[p] = max(1, saved[int32(p)].From)
	}
	a.saved = saved
	return nil
}

// vanishedMax is how often parts may be merged away between the moment that they are listed and that in which they are read.
const vanishedMax = 20

// readAll returns the active parts when the contents of all of them are known, and up to where all events were stored before
// they were listed.
func (a *Auditor) readAll(ctx context.Context) (stored []int64, active []part, err error) {
	for vanished := 0; ; {
		began := time.Now()
		if stored, err = a.stored(ctx); err != nil {
			return nil, nil, err
		}
		if active, err = a.parts(ctx); err != nil {
			return nil, nil, err
		}
		stored = a.everywhere(stored, active, began)
		a.forget(active)
		chunk, all := a.firstOf(a.unread(active))
		gone, err := a.read(ctx, stored, chunk)
		switch {
		case err != nil:
			return nil, nil, err
		case len(gone) == 0 && all:
			return stored, active, nil
		case !all:
			if err := pause.For(ctx, a.cost(time.Since(began))); err != nil {
				return nil, nil, err
			}
			a.paid += time.Since(began)
			continue
		}
		if vanished++; vanished == vanishedMax {
			return nil, nil, fmt.Errorf("parts change faster than they can be read, as %s of %s", gone[0].Name, gone[0].Table)
		}
		if err := a.empty(ctx, gone); err != nil {
			return nil, nil, err
		}
	}
}

// empty takes down that parts have no rows which gave none, and are still there: their rows are masked.
func (a *Auditor) empty(ctx context.Context, gone []part) error {
	active, err := a.parts(ctx)
	if err != nil {
		return err
	}
	for _, p := range gone {
		if slices.Contains(active, p) {
			a.contents[p.id()] = &contents{settled: true}
		}
	}
	return nil
}

// stored is up to which sequence all events of each partition must be there.
func (a *Auditor) stored(ctx context.Context) ([]int64, error) {
	found, err := record.Stored(ctx, a.conn)
	if err != nil {
		return nil, err
	}
	stored := make([]int64, a.cfg.Partitions)
	for p := range stored {
		stored[p] = found[int32(p)]
	}
	return stored, nil
}

func byPartition(sequences []int64) map[int32]int64 {
	by := make(map[int32]int64, len(sequences))
	for p, s := range sequences {
		by[int32(p)] = s
	}
	return by
}

// compareStatuses looks at the partitions of which everything is stored that their owners have counted. What was found stands
// until they can be compared again.
func (a *Auditor) compareStatuses(l ledger, counts []schemas.PartitionCounts) {
	for _, c := range counts {
		if int(c.Partition) >= len(l.stored) || c.Produced != l.stored[c.Partition] || l.from[c.Partition] > 1 {
			continue
		}
		delete(a.differ, c.Partition)
		if p, differ := l.statusesDiffer(c); differ {
			a.differ[c.Partition] = []schemas.AuditProblem{p}
		}
	}
}

// tell shows what was found, as metrics, and in the log when it is something else than before.
func (a *Auditor) tell(r schemas.AuditResource) {
	for _, p := range r.Partitions {
		for _, problem := range p.Problems {
			if a.metrics.isNew(p.Partition, problem.Kind) {
				a.cfg.Log.Error("the books are not in order", slog.Int("partition", int(p.Partition)), slog.String("problem", string(problem.Kind)),
					slog.Int64("count", problem.Count), slog.String("detail", problem.Detail), slog.Any("sequences", problem.Sequences))
			}
		}
	}
	a.metrics.take(r)
}
