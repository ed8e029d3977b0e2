package torture

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"parley/schemas"
)

const (
	ruleAlive rule = "processes that ran until they were told to end"
	ruleStop  rule = "processes that ended well when they were told to"
)

// torment strikes a member or the backend again and again, and leaves it running. A process that ends by itself is
// started again. The backend has no network.
func (r *run) torment(ctx context.Context, p *process, n *network, blows []Blow) error {
	for _, b := range blows {
		if err := r.guard(ctx, p, r.began.Add(b.At)); err != nil {
			return err
		}
		r.struck(b)
		r.watch(ctx, b)
		if err := r.strike(ctx, p, n, b.Kind); err != nil {
			return err
		}
		if !pause(ctx, b.Lasts) {
			return context.Cause(ctx)
		}
		if err := r.heal(p, n, b.Kind); err != nil {
			return err
		}
	}
	return nil
}

// attend strikes a member in the time between its coming and its going.
func (r *run) attend(ctx context.Context, m *member) error {
	if m.cmd == nil {
		if !pause(ctx, time.Until(r.began.Add(m.Joins))) {
			return context.Cause(ctx)
		}
		r.print("  %8s  %-10s joins", r.age(), m.name)
		if err := m.start(); err != nil {
			return err
		}
	}
	if err := r.torment(ctx, &m.process, m.network, r.plan.blows[m.name]); err != nil || m.Leaves == 0 {
		return err
	}
	if err := r.guard(ctx, &m.process, r.began.Add(m.Leaves)); err != nil {
		return err
	}
	r.print("  %8s  %-10s leaves", r.age(), m.name)
	r.ends(&m.process)
	return nil
}

// outside carries out the blows to one victim that is not Parley's.
func (r *run) outside(ctx context.Context, blows []Blow) error {
	for _, b := range blows {
		if !pause(ctx, time.Until(r.began.Add(b.At))) {
			return context.Cause(ctx)
		}
		r.struck(b)
		if err := b.Do(ctx); err != nil {
			return fmt.Errorf("%s: %s: %w", b.Victim, b.Kind, err)
		}
		if b.Undo == nil {
			continue
		}
		if !pause(ctx, b.Lasts) {
			return context.Cause(ctx)
		}
		if err := b.Undo(ctx); err != nil {
			return fmt.Errorf("%s: make good: %s: %w", b.Victim, b.Kind, err)
		}
	}
	return nil
}

// desert has a receiver of callbacks be dead, again and again.
func (r *run) desert(ctx context.Context, blows []Blow) error {
	for _, b := range blows {
		if !pause(ctx, time.Until(r.began.Add(b.At))) {
			return context.Cause(ctx)
		}
		r.struck(b)
		r.receiver.away.Cut()
		if !pause(ctx, b.Lasts) {
			return context.Cause(ctx)
		}
		r.receiver.away.Restore()
	}
	return nil
}

// guard waits until a time, or ctx ends, and starts the process again when it ends by itself.
func (r *run) guard(ctx context.Context, p *process, until time.Time) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			r.checks.held(ruleAlive)
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.ended:
			r.checks.broke(ruleAlive, "%s after %s: %v\n%s", p.name, r.age(), p.err, p.lastWords())
			if err := p.start(); err != nil {
				return err
			}
		}
	}
}

func (r *run) strike(ctx context.Context, p *process, n *network, kind Kind) error {
	switch kind {
	case CutFromCoordinator:
		coordinator, err := r.coordinator(ctx)
		if err != nil {
			return err
		}
		return n.cutFrom(coordinator)
	case CutOff, Silenced, Far, CutFromPeers:
		n.fail(kind)
	case Killed:
		return p.kill()
	case Frozen:
		return p.signal(syscall.SIGSTOP)
	case Stopped:
		r.ends(p)
	case Failing:
		return errors.Join(p.kill(), p.startWith(r.group.sick))
	}
	return nil
}

func (r *run) heal(p *process, n *network, kind Kind) error {
	switch kind {
	case CutOff, Silenced, Far, CutFromCoordinator, CutFromPeers:
		n.restore()
		return nil
	case Frozen:
		r.wakes()
		return p.signal(syscall.SIGCONT)
	case Failing:
		if err := p.kill(); err != nil {
			return err
		}
	}
	return p.start()
}

// wakes notes that a member is about to wake.
func (r *run) wakes() {
	r.say.Lock()
	defer r.say.Unlock()
	r.woken = append(r.woken, time.Now())
}

// ends stops a process, which must end well.
func (r *run) ends(p *process) {
	if err := p.stop(); err != nil {
		r.checks.broke(ruleStop, "after %s: %v", r.age(), err)
		return
	}
	r.checks.held(ruleStop)
}

// maintain puts routes into maintenance, and out of it.
func (r *run) maintain(ctx context.Context, blows []Blow) error {
	for i, b := range blows {
		route := routeNames[i%len(routeNames)]
		if !pause(ctx, time.Until(r.began.Add(b.At))) {
			return context.Cause(ctx)
		}
		if err := r.ask(ctx, func(m *member) error {
			_, err := m.clients[accounts[0]].BeginMaintenance(ctx, route, schemas.Maintenance{Reason: "torture"})
			return err
		}); err != nil {
			return fmt.Errorf("begin maintenance of %s: %w", route, err)
		}
		b.Victim = "route " + route
		r.struck(b)
		if !pause(ctx, b.Lasts) {
			return context.Cause(ctx)
		}
		if err := r.ask(ctx, func(m *member) error { return m.clients[accounts[0]].EndMaintenance(ctx, route) }); err != nil {
			return fmt.Errorf("end maintenance of %s: %w", route, err)
		}
	}
	return nil
}

// askWait bounds how long an answer is sought: there are times when no member is there.
const askWait = 60 * time.Second

var errNobody = errors.New("no member gave an answer in time")

// ask asks one member that takes calls after the other, until one answers.
func (r *run) ask(ctx context.Context, question func(*member) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, askWait, errNobody)
	defer cancel()
	for {
		err := question(r.anyMember())
		if err == nil || !unavailable(err) {
			return err
		}
		if !pause(ctx, 100*time.Millisecond) {
			return errors.Join(context.Cause(ctx), err)
		}
	}
}
