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
// started again.
func (r *run) torment(ctx context.Context, p *process, blows []blow) error {
	for _, b := range blows {
		if err := r.guard(ctx, p, r.began.Add(b.at)); err != nil {
			return err
		}
		r.struck(p.name, b)
		if err := r.strike(p, b.kind); err != nil {
			return err
		}
		if !pause(ctx, b.lasts) {
			return context.Cause(ctx)
		}
		if err := r.heal(p, b.kind); err != nil {
			return err
		}
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

func (r *run) strike(p *process, kind blowKind) error {
	switch kind {
	case killed:
		return p.kill()
	case frozen:
		return p.signal(syscall.SIGSTOP)
	case stopped:
		r.ends(p)
	case failing:
		return errors.Join(p.kill(), p.startWith(r.group.sick))
	}
	return nil
}

func (r *run) heal(p *process, kind blowKind) error {
	switch kind {
	case frozen:
		return p.signal(syscall.SIGCONT)
	case failing:
		if err := p.kill(); err != nil {
			return err
		}
	}
	return p.start()
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
func (r *run) maintain(ctx context.Context, blows []blow) error {
	for i, b := range blows {
		route := routeNames[i%len(routeNames)]
		if !pause(ctx, time.Until(r.began.Add(b.at))) {
			return context.Cause(ctx)
		}
		if err := r.ask(ctx, func(m *member) error {
			_, err := m.clients[accounts[0]].BeginMaintenance(ctx, route, schemas.Maintenance{Reason: "torture"})
			return err
		}); err != nil {
			return fmt.Errorf("begin maintenance of %s: %w", route, err)
		}
		r.struck("route "+route, b)
		if !pause(ctx, b.lasts) {
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
