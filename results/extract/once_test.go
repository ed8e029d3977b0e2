package extract

import (
	"fmt"
	"testing"
)

// A row that was inserted again follows the first, in the same block or in the next one, and is left out.
func TestOnce(t *testing.T) {
	t.Parallel()
	b := blockOf([]string{"status"})
	for _, tt := range []struct{ sequences, want string }{
		{"1 2 3", "[0 3)"}, {"3 3 4", "[2 3)"}, {"4 5 5 5 6 6 7", "[1 2)[4 5)[6 7)"}, {"", ""}, {"7", ""}, {"8", "[0 1)"},
	} {
		b.partition.Reset()
		b.ordinal.Reset()
		b.sequence.Reset()
		for text := tt.sequences; text != ""; {
			var n int64
			if _, err := fmt.Sscan(text, &n); err != nil {
				t.Fatal(err)
			}
			if text = text[1:]; text != "" {
				text = text[1:]
			}
			b.partition.Append(0)
			b.ordinal.Append(0)
			b.sequence.Append(n)
		}
		got := ""
		if err := b.once(func(from, to int) error { got += fmt.Sprintf("[%d %d)", from, to); return nil }); err != nil {
			t.Fatal(err)
		}
		if got != tt.want {
			t.Errorf("%q: %s, want %s", tt.sequences, got, tt.want)
		}
	}
}
