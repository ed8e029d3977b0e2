package submit

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll returns the lines, and their numbers, of all batches.
func readAll(t *testing.T, b *batches) (lines []string, numbers []int, sizes []int) {
	t.Helper()
	for n := 0; ; n++ {
		next, err := b.next()
		if errors.Is(err, io.EOF) {
			return lines, numbers, sizes
		}
		if err != nil {
			t.Fatal(err)
		}
		if next.number != n {
			t.Errorf("batch %d has number %d", n, next.number)
		}
		text := strings.Split(strings.TrimSuffix(string(next.body), "\n"), "\n")
		if len(text) != len(next.lines) {
			t.Fatalf("batch %d has %d lines and %d numbers", n, len(text), len(next.lines))
		}
		lines, numbers, sizes = append(lines, text...), append(numbers, next.lines...), append(sizes, len(text))
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		file    string
		lines   []string
		numbers []int
		sizes   []int
	}{
		{"empty", "", nil, nil, nil},
		{"blank", "\n \r\n\t\n", nil, nil, nil},
		{"one without its end", "a", []string{"a"}, []int{1}, []int{1}},
		{"blank lines count and are left out", "a\n\n b \r\nc\n", []string{"a", "b", "c"}, []int{1, 3, 4}, []int{2, 1}},
	} {
		lines, numbers, sizes := readAll(t, newBatches(strings.NewReader(c.file), 2))
		if !slices.Equal(lines, c.lines) || !slices.Equal(numbers, c.numbers) || !slices.Equal(sizes, c.sizes) {
			t.Errorf("%s: %q %v in batches of %v, want %q %v in %v", c.name, lines, numbers, sizes, c.lines, c.numbers, c.sizes)
		}
	}
}

// Long lines make short batches, and the first line of a batch may be as long as a line can be.
func TestBatchesBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", bodyBytesMax/2)
	_, numbers, sizes := readAll(t, newBatches(strings.NewReader(long+"\n"+long+"\n"+long+long+"\ny\n"), 10))
	if !slices.Equal(numbers, []int{1, 2, 3, 4}) || !slices.Equal(sizes, []int{1, 1, 1, 1}) {
		t.Errorf("lines %v in batches of %v", numbers, sizes)
	}
	_, err := newBatches(strings.NewReader("a\n"+strings.Repeat("x", lineBytesMax+1)), 1000).next()
	if err == nil || !strings.Contains(err.Error(), "line 2 is longer than 16 MiB") {
		t.Errorf("error = %v", err)
	}
}

func TestBatchesReadError(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	_, err := newBatches(io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(broken)), 2).next()
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("error = %v", err)
	}
}

func FuzzBatches(f *testing.F) {
	f.Add([]byte("a\n\nb"), uint8(1))
	f.Add([]byte("{}\r\n{}\r\n"), uint8(3))
	f.Fuzz(func(t *testing.T, file []byte, calls uint8) {
		lines, numbers, _ := readAll(t, newBatches(bytes.NewReader(file), int(calls)+1))
		var want []string
		var wantNumbers []int
		for i, line := range bytes.Split(file, []byte("\n")) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				want, wantNumbers = append(want, string(line)), append(wantNumbers, i+1)
			}
		}
		if !slices.Equal(lines, want) || !slices.Equal(numbers, wantNumbers) {
			t.Errorf("got %q %v, want %q %v", lines, numbers, want, wantNumbers)
		}
	})
}
