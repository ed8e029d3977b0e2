package doctor

import (
	"context"
	"time"
)

// startTimeout bounds what a node looks at when it starts: a broker that is slow to tell makes it no slower than that.
const startTimeout = time.Second

// Start looks at what must hold for a node to start: that its topics, which are there, keep what is acknowledged. What
// it cannot find out in a second is Unknown, and no failure.
func (k Kafka) Start(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	c, err := k.Spec.Describe(ctx, k.Client, k.Spec.Topics.Own()...)
	if err != nil {
		return Report{{Check: TopicsSettings, Subject: "topics", Verdict: Unknown, Found: err.Error(), Meaning: "nobody can tell whether they keep what was acknowledged"}}
	}
	r := k.judgeSettings(k.Spec.Ours(c))
	if !k.Embedded && len(c.Brokers) > 0 {
		asked := askVersion(ctx, k.Client, broker{addr: c.Brokers[0].Addr})
		r = append(r, judgeVersions([]broker{asked})...)
	}
	return r.sort()
}

// Refused are the failures of checks that must hold, as an error; nil: there is none.
func (r Report) Refused() error {
	failed := r.Of(Failure)
	if len(failed) == 0 {
		return nil
	}
	return &RefusedError{Failures: failed}
}
