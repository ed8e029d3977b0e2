package processor

import (
	"context"
	"slices"

	"parley/schemas"
)

// Usage tells what partitions hold of accounts; an account of which they hold nothing is left out.
// *schemas.NotOwnedError: some of the partitions are not ours.
func (p *Processor) Usage(_ context.Context, accounts []string, in ...int32) (map[string]schemas.AccountUsage, error) {
	sum := make(map[string]schemas.AccountUsage)
	err := p.live.each(in, func(_ int32, v *lookup) error {
		for _, a := range accounts {
			u, err := v.Usage(a)
			if err != nil {
				return err
			}
			if u != (schemas.AccountUsage{}) {
				sum[a] = sum[a].Plus(u)
			}
		}
		return nil
	})
	return sum, err
}

// each calls f with the committed state of each partition. *schemas.NotOwnedError: some are not ours, or nobody knows
// whether they still are, and what f has seen is nothing to tell.
func (l *live) each(in []int32, f func(int32, *lookup) error) error {
	if err := l.ownsAll(in); err != nil {
		return err
	}
	for _, p := range in {
		if _, err := withView(l, p, func(v *lookup) (struct{}, error) { return struct{}{}, f(p, v) }); err != nil {
			return err
		}
	}
	if !l.leased() {
		return notOwned(in...)
	}
	return nil
}

// ownsAll returns a *schemas.NotOwnedError with those of the partitions that are not ours.
func (l *live) ownsAll(in []int32) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	missing := slices.DeleteFunc(slices.Clone(in), func(p int32) bool { return l.run != nil && l.run.owns(p) })
	if len(missing) > 0 {
		return notOwned(missing...)
	}
	return nil
}
