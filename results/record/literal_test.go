package record_test

import (
	"testing"
	"time"

	"parley/results/record"
)

func TestLiteral(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                `''`,
		`O'Hara \ ` + "`": `'O\'Hara \\ ` + "`'",
		`'; DROP TABLE x`: `'\'; DROP TABLE x'`,
	} {
		if got := record.Literal(text); got != want {
			t.Errorf("%s becomes %s, want %s", text, got, want)
		}
	}
	if got, want := record.Identifier("a`b\\c'd"), "`a\\`b\\\\c'd`"; got != want {
		t.Errorf("the identifier is %s, want %s", got, want)
	}
}

func TestMilli(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at   time.Time
		want int64
	}{
		{time.Time{}, 0},
		{time.UnixMilli(-1), 0},
		{time.UnixMilli(1_790_000_000_001), 1_790_000_000_001},
		{time.Date(2299, 12, 31, 23, 59, 59, 999_000_000, time.UTC), 10_413_791_999_999},
		{time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), 10_413_791_999_999},
	} {
		if got := record.Milli(tt.at); got != tt.want {
			t.Errorf("%s: %d ms, want %d", tt.at, got, tt.want)
		}
	}
}
