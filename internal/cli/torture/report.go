package torture

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Report is what a run has shown: a line of the fault table.
type Report struct {
	// Name is that of Config.
	Name string
	// Calls are those that were sent, each once or more, Rate how many a second that was, Acknowledged those of them that
	// were taken.
	Calls        int
	Rate         float64
	Acknowledged int
	// Lost, Doubled and Disordered are the cases in which an acknowledged call, its execution or its record was lost, there
	// twice, or out of its order; Else those of all other rules.
	Lost, Doubled, Disordered, Else int
	// Repeated are the attempts of at-least-once calls that the backend knew by their Idempotency-Key.
	Repeated int
	// Recoveries are those of the members that were struck, in order of time.
	Recoveries []Recovery
}

// harm is what the breach of a rule means to who sends calls.
type harm int

const (
	other harm = iota
	loss
	double
	disorder
)

// harm returns what a breach of the rule means.
func (r rule) harm() harm {
	switch r {
	case ruleResult, ruleDrain, ruleConversation, ruleAll, ruleTold, ruleDelivery, ruleQueueLost:
		return loss
	case ruleOneResult, ruleExecuted, ruleOnce, ruleExactly, ruleUntouched, ruleTwin, ruleTwinEvent, ruleTwinResult, ruleTwinRow, ruleTwinConversation, ruleTwinDelivery, ruleWebhookID, ruleRepeated, ruleQueueTwice, ruleForgotten:
		return double
	case ruleComplete, ruleOrder, ruleKafkaOrder, ruleFence, ruleKafkaFence, ruleDense, ruleQueued, rulePeeked:
		return disorder
	}
	return other
}

// report sums the checks up.
func (r *run) report(e *evidence) Report {
	report := Report{Name: r.cfg.Name, Rate: float64(len(r.plan.sendings)) / r.cfg.Load.Seconds(), Calls: len(e.entries), Acknowledged: r.ledger.count()}
	report.Recoveries = r.observer.recovered()
	broken := make(map[harm]int)
	for _, one := range r.checks.order {
		broken[one.rule.harm()] += one.broken
	}
	report.Lost, report.Doubled, report.Disordered, report.Else = broken[loss], broken[double], broken[disorder], broken[other]
	for _, x := range e.journal {
		if x.Repeated && x.Status == statusExecuted {
			report.Repeated++
		}
	}
	return report
}

// WriteTable writes what runs have shown, a line each.
func WriteTable(w io.Writer, reports []Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "fault\tcalls\tsent/s\tacknowledged\tlost\tdoubled\tout of order\tother\trepeated\t")
	for _, r := range reports {
		fmt.Fprintf(t, "%s\t%d\t%.0f\t%d\t%d\t%d\t%d\t%d\t%d\t\n", r.Name, r.Calls, r.Rate, r.Acknowledged, r.Lost, r.Doubled, r.Disordered, r.Else, r.Repeated)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	fmt.Fprintln(t, "\nfault\tvictim\tfor\tpartitions\tgone on by another owner\tthe last of them after\t")
	for _, r := range reports {
		for _, one := range r.Recoveries {
			fmt.Fprintf(t, "%s\t%s %s\t%s\t%d\t%d\t%s\t\n", r.Name, one.Victim, one.Kind, one.Lasts.Round(100*time.Millisecond), one.Partitions, one.Progressed, one.Slowest.Round(100*time.Millisecond))
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}
