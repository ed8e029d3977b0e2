package processor

import (
	"context"
	"fmt"
	"testing"
	"time"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// instant is an executor that says OK at once.
type instant struct{}

func (instant) Execute(context.Context, *route.Route, executor.Request) conversation.Outcome {
	return conversation.Outcome{}
}

// BenchmarkDispatch measures what a call costs from its release to the end of its conversation, in turns of 1,000, with
// an executor that takes no time: of one account, and of many.
func BenchmarkDispatch(b *testing.B) {
	const turn = 1_000
	for _, accounts := range []int{1, 100} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			s := newStore(b)
			r := newRigOn(b, s, 50_000, oneRoute("concurrency: 256"), func(cfg *Config, _ *dispatchOptions) { cfg.Executor = instant{} }).owns(0)
			releases := make([]release, turn)
			calls := make([]*parleyv1.Call, turn)
			for i := range releases {
				e := entry{id: fmt.Sprint("c", i), account: fmt.Sprint("a", i%accounts)}
				calls[i] = e.call()
				releases[i] = release{partition: 0, key: e.key(), call: calls[i], state: conversation.State{
					Phase: conversation.Processing, Calls: 1, ReadyAt: time.Now(),
					Turn: conversation.Turn{SequenceCode: 1, Attempt: 1, Route: "all"},
				}}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += turn {
				for i := range releases {
					releases[i].state.Ready++
					r.release(releases[i])
				}
				for heard := 0; heard < turn; {
					for _, f := range r.hear() {
						heard++
						if r.heard(f) {
							r.ended(f.work.key)
						}
					}
				}
				r.mustFill()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}

// BenchmarkAdmission measures what a conversation costs that waits in the store: to find it, read it and carry it out.
func BenchmarkAdmission(b *testing.B) {
	s := newStore(b)
	r := newRigOn(b, s, 1_000, oneRoute("concurrency: 256"), func(cfg *Config, _ *dispatchOptions) { cfg.Executor = instant{} })
	const accounts = 50
	es := make([]entry, b.N)
	for i := range es {
		es[i] = entry{id: fmt.Sprint("c", i), account: fmt.Sprint("a", i%accounts), priority: schemas.Medium}
	}
	for ; len(es) > 0; es = es[min(len(es), 10_000):] {
		r.ready(es[:min(len(es), 10_000)]...)
	}
	b.ReportAllocs()
	b.ResetTimer()
	r.owns(0)
	for heard := 0; heard < b.N; {
		fs := r.hear()
		heard += len(fs)
		tx := r.store.Begin(0, store.Meta{})
		for _, f := range fs {
			r.heard(f)
			st, err := tx.Conversation(f.work.key)
			if err != nil {
				b.Fatal(err)
			}
			st.Phase, st.End, st.Turn = conversation.Ended, schemas.ConversationComplete, conversation.Turn{}
			tx.SetConversation(f.work.key, st)
		}
		r.apply(tx)
		for _, f := range fs {
			r.ended(f.work.key)
		}
		r.mustFill()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
