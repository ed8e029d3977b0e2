package exacttarget_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"parley/schemas"
)

// However a client writes a call, in XML or in JSON, it is the same call: a resend in another form is a resend. A sample is call.json, and
// forms of it in XML.
func TestSamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/samples/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, file := range files {
		sample, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, p := schemas.DecodeCall(sample.Files[0].Data)
		if p != nil {
			t.Fatalf("%s: %v", file, p)
		}
		for _, form := range sample.Files[1:] {
			if got := read(t, bytes.TrimSpace(form.Data)); content(t, got) != content(t, want) {
				t.Errorf("%s, %s: it is\n%s, want\n%s", file, form.Name, got, want)
			}
		}
	}
}
