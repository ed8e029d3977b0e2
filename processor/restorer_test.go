package processor

import (
	"maps"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"parley/internal/testkit"
)

// TestGroupOffsets has a group commit of one partition: the other is not at offset -1, which as a number without a sign
// would be behind everything that there is.
func TestGroupOffsets(t *testing.T) {
	t.Parallel()
	k := testkit.StartKafka(t)
	results, sink := k.Topics.Results, k.Prefix+".sink"
	k.Create(2, nil, results)
	admin := kadm.NewClient(k.Client())
	check := func(want map[int32]int64) {
		t.Helper()
		got, err := groupOffsets(t.Context(), admin, sink, results)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("the group has committed %v, %v; want %v", got, err, want)
		}
	}
	check(map[int32]int64{})
	var of kadm.Offsets
	of.AddOffset(results, 1, 7, -1)
	if err := admin.CommitAllOffsets(t.Context(), sink, of); err != nil {
		t.Fatal(err)
	}
	check(map[int32]int64{1: 7})
}
