package exacttarget_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"parley/ingest/exacttarget"
	"parley/ingest/soap"
	"parley/schemas"
)

// However a client writes a call, in XML or in JSON, it is the same call: a resend in another form is a resend.
func TestSamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/samples/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, file := range files {
		sample, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(sample.Files) < 3 || sample.Files[0].Name != "call.json" {
			t.Fatalf("%s: a sample is call.json, and two forms of it in XML", file)
		}
		want, p := schemas.DecodeCall(sample.Files[0].Data)
		if p != nil {
			t.Fatalf("%s: %v", file, p)
		}
		for _, form := range sample.Files[1:] {
			r, err := soap.Decode(http.Header{}, []byte(strings.TrimSpace(string(form.Data))))
			if err != nil {
				t.Errorf("%s, %s: %v", file, form.Name, err)
				continue
			}
			got, p := exacttarget.Call(&r.Body, now)
			if p != nil {
				t.Errorf("%s, %s: %v", file, form.Name, p)
				continue
			}
			if contentOf(t, got) != contentOf(t, want) {
				t.Errorf("%s, %s: it is\n%s, want\n%s", file, form.Name, got, want)
			}
		}
	}
}
