package soap_test

import (
	"net/http"
	"os"
	"testing"

	"parley/ingest/soap"
)

// BenchmarkDecode reads the envelope of a call of one object, as a client of the partner API sends it.
func BenchmarkDecode(b *testing.B) {
	document, err := os.ReadFile("testdata/create.xml")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := soap.Decode(http.Header{}, document); err != nil {
			b.Fatal(err)
		}
	}
}
