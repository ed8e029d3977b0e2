package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// interval is how often Prometheus asks, and evaluates the rules.
const interval = 15 * time.Second

// scene is what Prometheus has heard, and what the alert makes of it.
type scene struct {
	alert string
	// series are lines as promtool's tests have them: a sample each interval.
	series string
	// after is how long after the first sample the alert is looked at.
	after time.Duration
	fires bool
}

// Each alert fires when it must, and not in the scene beside it, which is nearly the same.
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	rules := alerts(t)
	shown := make(map[string]bool)
	for _, s := range scenes() {
		rule, ok := rules[s.alert]
		if !ok {
			t.Errorf("there is no alert %s", s.alert)
			continue
		}
		if s.fires {
			shown[s.alert] = true
		}
		t.Run(fmt.Sprintf("%s fires %t", s.alert, s.fires), func(t *testing.T) {
			t.Parallel()
			var lines strings.Builder
			for line := range strings.Lines(s.series) {
				fmt.Fprintf(&lines, "\n  %s", strings.TrimSpace(line))
			}
			if fires := firing(t, rule.Expr, time.Duration(rule.For), "load 15s"+lines.String(), s.after); fires != s.fires {
				t.Errorf("fires %t after %s", fires, s.after)
			}
		})
	}
	for name := range rules {
		if !shown[name] {
			t.Errorf("nothing shows that %s can fire", name)
		}
	}
}

// firing reports whether an alert fires: its expression has had a result with the same labels at each evaluation for so long.
func firing(t *testing.T, expr string, wait time.Duration, load string, after time.Duration) bool {
	t.Helper()
	storage := promqltest.LoadedStorage(t, load)
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	end := time.Unix(0, 0).Add(after)
	query, err := engine.NewRangeQuery(t.Context(), storage, promql.NewPrometheusQueryOpts(false, 0), expr, end.Add(-wait), end, interval)
	if err != nil {
		t.Fatal(err)
	}
	defer query.Close()
	result := query.Exec(t.Context())
	matrix, err := result.Matrix()
	if err != nil {
		t.Fatal(err)
	}
	for _, series := range matrix {
		if len(series.Floats) == int(wait/interval)+1 {
			return true
		}
	}
	return false
}
