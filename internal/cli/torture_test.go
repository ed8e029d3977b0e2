package cli_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"parley/internal/embedded/chdb"
)

// A short run under torture finds nothing, and leaves nothing behind. What it does is always the same, when it meets
// what is not; make torture runs longer, and with other seeds.
func TestTorture(t *testing.T) {
	t.Parallel()
	library, err := chdb.Find(os.Getenv("PARLEY_CHDB_LIB"))
	if err != nil {
		t.Fatal(err)
	}
	temporary := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "parley", "torture", "--load", "12s", "--rate", "80", "--seed", "1")
	cmd.WaitDelay = time.Minute
	cmd.Env = append(os.Environ(), "PARLEY_CHDB_LIB="+library, "TMPDIR="+temporary)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("parley torture: %v\n%s", err, out)
	}
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
