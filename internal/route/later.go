package route

// later are the members of a route that this version does not carry out. Whatever they would change is refused, so
// that nobody relies on a limit or a promise that is not kept.
type later struct {
	RateLimit    *float64       `yaml:"rateLimit"`
	DeferTimeout *duration      `yaml:"deferTimeout"`
	Batch        map[string]any `yaml:"batch"`
}

func (p place) later(l later) {
	if l.RateLimit != nil && *l.RateLimit != 0 {
		p.refuse([]string{"rateLimit"}, "this version limits no rate; leave it out, and bound the calls in flight by concurrency")
	}
	if l.DeferTimeout != nil {
		p.refuse([]string{"deferTimeout"}, "this version takes no deferred answers; leave it out")
	}
	if l.Batch != nil {
		p.refuse([]string{"batch"}, "this version sends one call a request; leave it out")
	}
}
