package cli_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"parley/internal/embedded/chdb"
)

// The tour checks its own numbers; here it must find them right, also when the server is killed in the middle, and
// leave nothing behind.
func TestDemo(t *testing.T) {
	t.Parallel()
	library, err := chdb.Find(os.Getenv("PARLEY_CHDB_LIB"))
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{"plain": {"demo"}, "kill": {"demo", "--kill"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temporary := t.TempDir()
			cmd := exec.CommandContext(t.Context(), "parley", args...)
			cmd.WaitDelay = time.Minute
			cmd.Env = append(os.Environ(), "PARLEY_CHDB_LIB="+library, "TMPDIR="+temporary)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("parley %s: %v\n%s", strings.Join(args, " "), err, out)
			}
			for _, want := range []string{"PartTimeout", "DataExtensionObject", "ok    calls acknowledged: 2886", "Nothing was lost"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("parley %s does not say %q:\n%s", strings.Join(args, " "), want, out)
				}
			}
			left, err := os.ReadDir(temporary)
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
