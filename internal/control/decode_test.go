package control

import (
	"testing"
	"time"
)

func FuzzDecodeMaintenance(f *testing.F) {
	f.Add("crm", []byte(`{"version":1,"route":"crm","reason":"r","by":"b","since":"2026-12-01T08:00:00Z","until":"2026-12-01T09:00:00.5Z"}`))
	f.Add("crm", []byte(`{"version":2}`))
	f.Add("", []byte(`null`))
	f.Fuzz(func(t *testing.T, route string, value []byte) {
		m, err := decodeMaintenance(route, value)
		if err != nil {
			return
		}
		b, err := encodeMaintenance(m)
		if err != nil {
			t.Fatalf("%+v was read, but cannot be written: %v", m, err)
		}
		again, err := decodeMaintenance(route, b)
		if err != nil {
			t.Fatal(err)
		}
		if again.Route != m.Route || again.Reason != m.Reason || again.By != m.By || !again.Since.Equal(m.Since) || !again.Until.Equal(m.Until) {
			t.Fatalf("written %+v, read %+v", m, again)
		}
	})
}

// The bytes of version 1 stay readable.
func TestVersion1(t *testing.T) {
	t.Parallel()
	const golden = `{"version":1,"route":"crm","reason":"moves","by":"ops","since":"2026-12-01T08:00:00Z","until":"2026-12-01T09:00:00Z"}`
	want := Maintenance{
		Route: "crm", Reason: "moves", By: "ops",
		Since: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC), Until: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC),
	}
	if got, err := decodeMaintenance("crm", []byte(golden)); err != nil || got != want {
		t.Errorf("read %+v, %v", got, err)
	}
	if b, err := encodeMaintenance(want); err != nil || string(b) != golden {
		t.Errorf("written %s, %v", b, err)
	}
}
