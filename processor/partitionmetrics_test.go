package processor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"parley/internal/topics"
	"parley/processor"
)

// The counters of a partition are those of its state: another process, with an empty store, goes on with them.
func TestPartitionMetricsGoOnWithTheNextOwner(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := &recorder{answer: refusing("bad-1")}
	first := prometheus.NewRegistry()
	p, stop := c.start(x, t.TempDir(), func(cfg *processor.Config) { cfg.Metrics = first })
	c.send("acme/bad", part("bad", 1, 1))
	await(t, p, "bad")
	stop()
	if n, err := testutil.GatherAndCount(first, "parley_partition_accepted_calls_total"); err != nil || n != 0 {
		t.Errorf("%d partitions are told of by who has left, %v", n, err)
	}

	second := prometheus.NewRegistry()
	home := topics.Partition("acme/bad", partitions)
	tells := func(line string) bool {
		families, err := second.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var page strings.Builder
		for _, f := range families {
			if _, err := expfmt.MetricFamilyToText(&page, f); err != nil {
				t.Fatal(err)
			}
		}
		return strings.Contains(page.String(), "\n"+line+"\n")
	}
	p, _ = c.start(x, t.TempDir(), func(cfg *processor.Config) { cfg.Metrics = second })
	for _, line := range []string{
		fmt.Sprintf(`parley_partition_accepted_calls_total{partition="%d"} 1`, home),
		fmt.Sprintf(`parley_partition_ended_calls_total{partition="%d",status="Error"} 1`, home),
		fmt.Sprintf(`parley_partition_open_calls{partition="%d"} 0`, home),
		fmt.Sprintf(`parley_partition_lag_records{partition="%d"} 0`, home),
		fmt.Sprintf("parley_processor_owned_partitions %d", partitions),
		"parley_processor_lease_held 1",
		"parley_processor_restoring_partitions 0",
	} {
		if !within(20*time.Second, func() bool { return tells(line) }) {
			t.Errorf("/metrics does not say %s", line)
		}
	}
	c.send("acme/bad", part("bad", 1, 1)) // a resend
	c.send("acme/good", part("good", 1, 1))
	await(t, p, "good")
	for _, line := range []string{
		fmt.Sprintf(`parley_partition_resent_calls_total{partition="%d"} 1`, home),
		`parley_processor_call_seconds_count{status="OK"} 1`,
		`parley_route_wait_seconds_count{route="default"} 1`,
		`parley_route_attempt_seconds_count{outcome="answered",route="default"} 1`,
	} {
		if !within(20*time.Second, func() bool { return tells(line) }) {
			t.Errorf("/metrics does not say %s", line)
		}
	}
}
