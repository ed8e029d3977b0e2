package schemas_test

import (
	"strings"
	"testing"
	"time"

	"parley/schemas"
)

func TestDecodeMaintenance(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	tests := []struct {
		name, body string
		want       schemas.Maintenance
		pointer    string // of the problem, "-" when it has none; empty: there is no problem
	}{
		{"a reason", `{"reason":"moves"}`, schemas.Maintenance{Reason: "moves"}, ""},
		{"an end", `{"reason":"moves","until":"2026-12-01T08:00:00Z"}`, schemas.Maintenance{Reason: "moves", Until: until}, ""},
		{"no end", `{"reason":"moves","until":null}`, schemas.Maintenance{Reason: "moves"}, ""},
		{"nothing", ``, schemas.Maintenance{}, "-"},
		{"null", `null`, schemas.Maintenance{}, "-"},
		{"no reason", `{}`, schemas.Maintenance{}, "/reason"},
		{"an empty reason", `{"reason":""}`, schemas.Maintenance{}, "/reason"},
		{"a long reason", `{"reason":"` + strings.Repeat("ü", schemas.MaintenanceReasonMax+1) + `"}`, schemas.Maintenance{}, "/reason"},
		{"no time", `{"reason":"moves","until":"soon"}`, schemas.Maintenance{}, "/until"},
		{"a misspelt member", `{"reason":"moves","till":null}`, schemas.Maintenance{}, "/till"},
		{"a book", `{"reason":"` + strings.Repeat("a", schemas.MaintenanceBytesMax) + `"}`, schemas.Maintenance{}, "-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, p := schemas.DecodeMaintenance([]byte(tt.body))
			switch {
			case p == nil && tt.pointer != "":
				t.Errorf("accepted: %+v", got)
			case p == nil && *got != tt.want:
				t.Errorf("got %+v, want %+v", got, tt.want)
			case p != nil && p.Pointer != strings.TrimPrefix(tt.pointer, "-"):
				t.Errorf("problem at %q, want %q: %s", p.Pointer, tt.pointer, p)
			}
		})
	}
}
