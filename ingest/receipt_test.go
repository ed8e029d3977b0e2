package ingest

import (
	"encoding/base64"
	"errors"
	"math"
	"testing"
	"time"

	"parley/schemas"
)

func TestReceiptRoundTrip(t *testing.T) {
	t.Parallel()
	id := mustParse(t, someID)
	r := newReceipts(testSecret)
	for _, want := range []receipt{
		{},
		{Position: schemas.Position{Partition: 7, Offset: 1041}, acceptedAt: time.Date(2026, 12, 1, 8, 0, 0, 123e6, time.UTC)},
		{Position: schemas.Position{Partition: math.MaxInt32, Offset: math.MaxInt64}, acceptedAt: time.UnixMilli(math.MaxInt64).UTC(), content: math.MaxUint64},
		{content: 1},
	} {
		want.acceptedAt = time.UnixMilli(want.acceptedAt.UnixMilli()).UTC()
		got, err := r.read("acme", id, r.write("acme", id, want))
		if err != nil || got != want {
			t.Errorf("read %+v, %v, want %+v", got, err, want)
		}
	}
}

// Clients keep receipts: a later version must read this one.
func TestReceiptGolden(t *testing.T) {
	t.Parallel()
	for content, golden := range map[uint64]string{
		0:                  "AQAAAAMAAAAAAAAAKQAAAaDEUGwA0Lh1x-WqN1bfUNmJkpMaqA",
		0x0123456789abcdef: "AgAAAAMAAAAAAAAAKQAAAaDEUGwAASNFZ4mrze_OhZ0hu5I7-f3GzHOa68ea",
	} {
		rc := receipt{Position: schemas.Position{Partition: 3, Offset: 41}, acceptedAt: time.UnixMilli(1_790_000_000_000).UTC(), content: content}
		if got := newReceipts(testSecret).write("acme", mustParse(t, someID), rc); got != golden {
			t.Errorf("receipt %s, want %s", got, golden)
		}
	}
}

func TestReceiptIsOfOneRequestOnly(t *testing.T) {
	t.Parallel()
	id := mustParse(t, someID)
	text := newReceipts(testSecret).write("acme", id, receipt{content: 1})
	other := id
	other[0]++
	for name, read := range map[string]func() (receipt, error){
		"another account": func() (receipt, error) { return newReceipts(testSecret).read("acm", id, text) },
		"another request": func() (receipt, error) { return newReceipts(testSecret).read("acme", other, text) },
		"another secret":  func() (receipt, error) { return newReceipts([]byte("fedcba9876543210")).read("acme", id, text) },
	} {
		if rc, err := read(); !errors.Is(err, errReceipt) || rc != (receipt{}) {
			t.Errorf("%s: %+v, %v", name, rc, err)
		}
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] ^= 0x10
		if _, err := newReceipts(testSecret).read("acme", id, base64.RawURLEncoding.EncodeToString(b)); !errors.Is(err, errReceipt) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		b[i] ^= 0x10
	}
}

func FuzzReceipt(f *testing.F) {
	id := schemas.RequestID{1}
	r := newReceipts(testSecret)
	f.Add(r.write("acme", id, receipt{acceptedAt: time.UnixMilli(1)}))
	f.Add(r.write("acme", id, receipt{content: 1}))
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		rc, err := r.read("acme", id, text)
		if err == nil && r.write("acme", id, rc) != text {
			t.Errorf("%q is read as %+v, which is written otherwise", text, rc)
		}
	})
}
