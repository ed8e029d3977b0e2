package erasure

import "testing"

func TestPlaceOf(t *testing.T) {
	t.Parallel()
	for engine, want := range map[string]string{
		"ReplacingMergeTree PARTITION BY toYYYYMM(completed_at) ORDER BY (account, partition)": "results_log",
		"Distributed('main', 'parley', 'results_log_local', partition)":                        "`results_log_local` ON CLUSTER `main`",
		"Distributed(main, parley, results_log_local)":                                         "`results_log_local` ON CLUSTER `main`",
	} {
		if got := placeOf("results_log", engine); got != want {
			t.Errorf("%s: %s, want %s", engine, got, want)
		}
	}
}
