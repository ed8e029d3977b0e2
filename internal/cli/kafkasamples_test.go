package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"parley/schemas"
)

// The records among the samples are calls that are accepted: KEY|VALUE, as kcat writes them.
func TestKafkaSamplesAreAccepted(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "deploy", "samples", "kafka", "*.calls"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte("|"))
			call, problem := schemas.DecodeCall(value)
			if problem != nil {
				t.Errorf("%s: %v", file, problem)
				continue
			}
			want := call.GetOptions().GetConversationId()
			if call.Account != "" {
				want = schemas.RecordKey(call.Account, want, schemas.RequestID{})
			}
			call.Account = "default" // in its topic an account need not be named
			if problem := schemas.DefaultLimits().Validate(call, time.Now()); problem != nil {
				t.Errorf("%s: %v", file, problem)
			}
			if string(key) != want {
				t.Errorf("%s: the key is %s, want %s", file, key, want)
			}
		}
	}
}
