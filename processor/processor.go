// Package processor reads calls from the log, keeps the calls of a conversation in order, carries them out and
// writes their results, each exactly once.
//
// One goroutine, the loop, owns the state of this member's partitions. It works in turns: take what came in
// (records, outcomes, due timers); have the core decide (package conversation); commit the changes of the state, the
// events and the input's offsets in one Kafka transaction; apply the same changes to the local store; release what
// may now begin. Executions run beside it and report to its mailbox. Pollers read committed state from the store.
package processor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/internal/pause"
	"parley/processor/store"
)

// Processor is one member of the group that processes calls.
type Processor struct {
	cfg     Config
	metrics *metrics
	live    *live
	stopped *stopped
}

// New returns a processor that has not started.
func New(cfg Config) (*Processor, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("processor configuration: %w", err)
	}
	p := &Processor{cfg: cfg, metrics: newMetrics(cfg.Metrics), live: newLive(&cfg), stopped: newStopped(cfg.Log)}
	watchLive(cfg.Metrics, p.live, cfg.Partitions)
	return p, nil
}

// restartPause is the time between a failure of the loop and its next start.
const restartPause = time.Second

// Run processes until ctx ends, then finishes the turn it is in. A failure of the cluster ends the loop, not Run:
// the next one begins from what is committed, without the partition of which a record cannot be read (see stopped). Run
// returns an error for what waiting cannot mend: InputGoneError, and a store that cannot be opened.
func (p *Processor) Run(ctx context.Context) error {
	s, err := store.Open(store.Config{Dir: p.cfg.StoreDir, FS: p.cfg.StoreFS})
	if err != nil {
		return err
	}
	o, err := newOrphans(&p.cfg)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	p.live.open(s)
	for ctx.Err() == nil {
		if err = p.runLoop(ctx, s, o); err == nil {
			break
		}
		if _, gone := errors.AsType[*InputGoneError](err); gone {
			break
		}
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			err = nil // stopped while it was catching up
			break
		}
		p.stopped.by(err) // the next loop leaves it alone
		p.metrics.restarts.Inc()
		p.cfg.Log.Error("processor stopped; it starts again from what is committed", "error", err)
		_ = pause.For(ctx, restartPause) // its end is seen where the loop begins
		err = nil
	}
	o.close()
	p.live.close()
	return errors.Join(err, s.Close())
}

func (p *Processor) runLoop(ctx context.Context, s *store.Store, o *orphans) error {
	l, err := newLoop(p, s, o)
	if err != nil {
		return err
	}
	defer l.close()
	defer l.trim()()
	return l.run(ctx)
}

// InputGoneError says that records of parley.calls which were never applied are not there any more. Going on would
// lose acknowledged calls without a word.
type InputGoneError struct {
	Partition int32
	// Next is the offset that should be read next, Start the first that is there.
	Next, Start int64
}

func (e *InputGoneError) Error() string {
	return fmt.Sprintf("partition %d of the calls begins at offset %d, but %d was not applied yet: records are missing; restore them, or begin another Parley under another topic prefix: see docs/operations.md, A topic is lost", e.Partition, e.Start, e.Next)
}
