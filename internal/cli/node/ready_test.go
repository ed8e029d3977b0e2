package node

import (
	"errors"
	"slices"
	"testing"

	"parley/ingest"
)

// A node says which of its partitions are stopped, and is ready all the same: it takes calls for them.
func TestReadySaysWhichPartitionsAreStopped(t *testing.T) {
	t.Parallel()
	var err error
	n := &node{stopped: func() error { return err }}
	if got := n.impaired(); len(got) > 0 {
		t.Errorf("it says %v of a node that is well", got)
	}
	err = errors.New("stopped: [1]")
	n.draining.Store(true)
	want := []ingest.Dependency{{Name: "partitions", Err: err, Optional: true}, {Name: "node", Err: errDraining}}
	if got := n.impaired(); !slices.Equal(got, want) {
		t.Errorf("it says %v, want %v", got, want)
	}
}
