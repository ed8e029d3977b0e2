package doctor

import "sync"

// each calls f for all at once, and returns what it says in their order.
func each[In, Out any](all []In, f func(In) Out) []Out {
	out := make([]Out, len(all))
	var asked sync.WaitGroup
	for i, in := range all {
		asked.Go(func() { out[i] = f(in) })
	}
	asked.Wait()
	return out
}
