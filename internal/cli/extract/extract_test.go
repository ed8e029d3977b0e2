package extract_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/internal/cli/client"
	"parley/internal/cli/extract"
	"parley/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a Parley that has a row for each sequence of its partitions.
type source struct {
	end schemas.Cursor
	// left is how many bytes are written before an answer breaks off; below zero: none does.
	left atomic.Int64
	// broke is called when one has.
	broke func()
	asked atomic.Int64
}

// file is an extract of everything between two cursors.
func (s *source) file(format string, after, until schemas.Cursor) (file []byte, rows int) {
	var out bytes.Buffer
	if format == "csv" {
		out.WriteString("partition,sequence\r\n")
	}
	for p := range until.Sequences {
		for n := after.Sequence(int32(p)) + 1; n <= until.Sequences[p]; n++ {
			rows++
			fmt.Fprintf(&out, "%d,%d\r\n", p, n)
		}
	}
	return out.Bytes(), rows
}

func (s *source) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, until := schemas.Cursor{}, s.end
	var err error
	if text := q.Get("cursor"); text != "" {
		if after, err = schemas.ParseCursor(text); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	if text := q.Get("until"); text != "" {
		if until, err = schemas.ParseCursor(text); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Parley-Next-Cursor", until.String())
	if r.Method == http.MethodHead {
		return
	}
	s.asked.Add(1)
	w.Header().Set("Trailer", "Parley-Next-Cursor, Parley-Rows")
	file, rows := s.file(q.Get("format"), after, until)
	for len(file) > 0 {
		n := min(len(file), 4096)
		if left := s.left.Load(); left >= 0 {
			if n = min(n, int(left)); n == 0 {
				s.left.Store(-1)
				s.broke()
				panic(http.ErrAbortHandler)
			}
			s.left.Add(-int64(n))
		}
		if _, err := w.Write(file[:n]); err != nil {
			return
		}
		file = file[n:]
	}
	w.Header().Set("Parley-Rows", fmt.Sprint(rows))
}

func start(t *testing.T, sequences ...int64) (*source, extract.Config) {
	t.Helper()
	s := &source{end: schemas.Cursor{Sequences: sequences}, broke: func() {}}
	s.left.Store(-1)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := client.New(client.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return s, extract.Config{Client: c, File: filepath.Join(t.TempDir(), "results"), RetryFor: time.Minute}
}

// An extract that is interrupted anywhere, any number of times, is the file that it would have been.
func TestResume(t *testing.T) {
	t.Parallel()
	for _, format := range schemas.ExtractFormats() {
		s, cfg := start(t, 90_000, 0, 70_000, 1)
		cfg.Query.Format = format
		want, rows := s.file(string(format), schemas.Cursor{}, s.end)
		dice := rand.New(rand.NewPCG(7, 7))
		var report extract.Report
		interruptions := 0
		for {
			ctx, interrupt := context.WithCancel(t.Context())
			s.broke = interrupt
			if interruptions < 6 {
				s.left.Store(dice.Int64N(int64(len(want))))
			}
			var err error
			report, err = extract.Run(ctx, cfg)
			interrupt()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if _, err := os.Stat(cfg.File); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("%s has its name before it is whole: %v", format, err)
			}
			interruptions++
			s.end.Advance(0, s.end.Sequence(0)+10) // what comes meanwhile is not of this extract
			s.left.Store(-1)
		}
		got, err := os.ReadFile(cfg.File)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: after %d interruptions %d bytes, want %d", format, interruptions, len(got), len(want))
		}
		if report.Rows != int64(rows) || report.Bytes != int64(len(want)) {
			t.Errorf("%s: %+v, want %d rows of %d bytes", format, report, rows, len(want))
		}
		if interruptions == 0 {
			t.Errorf("%s was never interrupted", format)
		}
		left, err := filepath.Glob(cfg.File + ".*")
		if err != nil || len(left) > 0 {
			t.Errorf("%s leaves %v", format, left)
		}
	}
}

// What breaks off is asked for again, from the chunk that was not whole.
func TestRetry(t *testing.T) {
	t.Parallel()
	s, cfg := start(t, 90_000)
	cfg.Query.Format = schemas.ExtractJSONL
	want, _ := s.file("jsonl", schemas.Cursor{}, s.end)
	s.left.Store(int64(len(want) * 3 / 4))
	if _, err := extract.Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(cfg.File); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d; %v", len(got), len(want), err)
	}
	if n := s.asked.Load(); n < 3 || n > 10 {
		t.Errorf("%d chunks were asked for", n)
	}
}

// Another question begins anew, over what there is then.
func TestAnotherQuestion(t *testing.T) {
	t.Parallel()
	s, cfg := start(t, 50_000)
	cfg.Query.Format = schemas.ExtractCSV
	ctx, interrupt := context.WithCancel(t.Context())
	s.broke = interrupt
	s.left.Store(400_000)
	if _, err := extract.Run(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	cfg.Asked, cfg.Query.Cursor = "another", schemas.Cursor{Sequences: []int64{49_990}}.String()
	report, err := extract.Run(t.Context(), cfg)
	if err != nil || report.Rows != 10 || report.Resumed != 0 {
		t.Errorf("%+v, %v; want 10 rows", report, err)
	}
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	_, cfg := start(t)
	cfg.Query.Format = schemas.ExtractCSV
	if report, err := extract.Run(t.Context(), cfg); err != nil || report.Rows != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if got, err := os.ReadFile(cfg.File); err != nil || string(got) != "partition,sequence\r\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	_, cfg := start(t, 10)
	cfg.Query.Format = schemas.ExtractCSV
	for name, tt := range map[string]struct {
		change func(*extract.Config)
		says   string
	}{
		"no such folder": {func(c *extract.Config) { c.File = filepath.Join(filepath.Dir(c.File), "none", "f") }, "no such file or directory"},
		"no cursor":      {func(c *extract.Config) { c.Query.Cursor, c.Query.Until = "x", "y" }, `cursor "y"`},
		"state":          {func(c *extract.Config) { c.File += "1"; mustWrite(t, c.File+".part.json", "{") }, "remove it to begin anew"},
		"part gone": {func(c *extract.Config) {
			c.File += "2"
			mustWrite(t, c.File+".part.json", `{"until":"AQEK","bytes":7}`)
		}, "has 0 bytes, and"},
		"disk full": {func(c *extract.Config) {
			c.File += "3"
			if err := os.Symlink("/dev/full", c.File+".part"); err != nil {
				t.Fatal(err)
			}
		}, "no space left on device"},
	} {
		changed := cfg
		tt.change(&changed)
		if _, err := extract.Run(t.Context(), changed); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, tt.says)
		}
	}
}

func mustWrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
