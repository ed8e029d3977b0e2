//go:build interop

package cli_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"parley/ingest/publish"
	"parley/schemas"
)

// TestInterop has a client that is not ours, kcat with librdkafka, write calls and read what comes of them. It is not part
// of make test, whose machine may not have one.
func TestInterop(t *testing.T) {
	if _, err := exec.LookPath("kcat"); err != nil {
		t.Fatalf("make interop needs kcat, the command line of librdkafka (Debian: apt-get install kcat): %v", err)
	}
	samples, err := filepath.Abs(filepath.Join("..", "..", "deploy", "samples", "kafka"))
	if err != nil {
		t.Fatal(err)
	}
	cmds := maps.Clone(commands)
	cmds["encode"] = encodeCall
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "interop"),
		RequireExplicitExec: true,
		Cmds:                cmds,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SAMPLES", samples)
			return setUp(t, env)
		},
	})
}

// encodeCall is "encode JSON FILE": it writes the value of a record with a call in protobuf, and sets REQUEST_ID to what
// the call can be polled by.
func encodeCall(ts *testscript.TestScript, _ bool, args []string) {
	call, problem := schemas.DecodeCall([]byte(ts.ReadFile(args[0])))
	if problem != nil {
		ts.Fatalf("%v", problem)
	}
	message, err := publish.Producer{Partitions: 8}.Message(call)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), message.Record.Value, 0o600))
	ts.Setenv("REQUEST_ID", message.RequestID.String())
}
