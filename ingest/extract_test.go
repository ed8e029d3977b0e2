package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"parley/schemas"
)

// fakeExtracts writes what it was told to.
type fakeExtracts struct {
	mu    sync.Mutex
	asked []schemas.ExtractQuery
	write func(ctx context.Context, w io.Writer) (int64, error)
	err   error // before it begins
}

var fakeEnd = schemas.Cursor{Sequences: []int64{3, 0, 7}}

func (f *fakeExtracts) Extract(ctx context.Context, q schemas.ExtractQuery, begin func(schemas.Cursor) (io.Writer, error)) (int64, error) {
	f.mu.Lock()
	f.asked = append(f.asked, q)
	write, err := f.write, f.err
	f.mu.Unlock()
	if err != nil {
		return 0, err
	}
	w, err := begin(fakeEnd)
	if err != nil {
		return 0, err
	}
	if write == nil {
		return 0, nil
	}
	return write(ctx, w)
}

func (f *fakeExtracts) last(t testing.TB) schemas.ExtractQuery {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asked) == 0 {
		t.Fatal("nothing was asked for")
	}
	return f.asked[len(f.asked)-1]
}

// startExtracts starts a server whose extracts are written by a function.
func startExtracts(t testing.TB, write func(ctx context.Context, w io.Writer) (int64, error), changes ...func(*Config)) (*harness, *fakeExtracts) {
	t.Helper()
	f := &fakeExtracts{write: write}
	return start(t, append([]func(*Config){func(cfg *Config) { cfg.Extracts = f }}, changes...)...), f
}

const extractLine = `{"account":"acc","sequence":3}` + "\n"

func TestExtract(t *testing.T) {
	t.Parallel()
	h, f := startExtracts(t, func(_ context.Context, w io.Writer) (int64, error) {
		_, err := io.WriteString(w, extractLine+extractLine)
		return 2, err
	}, func(cfg *Config) { cfg.Now = func() time.Time { return time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC) } })
	after := schemas.Cursor{Sequences: []int64{1}}
	r := h.get(t, extractsPath+"?format=jsonl&columns=account,sequence&from=2026-11-21T00:00:00Z&to=2026-11-22T00:00:00%2B01:00&conversationId=o%271&status=Error,Expired&cursor="+after.String()+"&until="+fakeEnd.String(), accountHeader, "acc")
	if r.status != http.StatusOK || string(r.body) != extractLine+extractLine {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/x-ndjson", nextCursorHeader: fakeEnd.String(), "Cache-Control": "no-store",
		"Content-Disposition": `attachment; filename="results-20261122T080000Z.jsonl"`, "Vary": "Accept-Encoding",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	q := f.last(t)
	if q.Account != "acc" || q.Format != schemas.ExtractJSONL || !slices.Equal(q.Columns, []string{"account", "sequence"}) || q.ConversationID != "o'1" ||
		!slices.Equal(q.Statuses, []schemas.ResultStatus{schemas.Error, schemas.Expired}) || q.After.String() != after.String() || q.Until.String() != fakeEnd.String() ||
		q.From != time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC) || q.To != time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC) {
		t.Errorf("asked for %+v", q)
	}
	for format, media := range map[string]string{"": "text/csv; charset=utf-8; header=present", "csv": "text/csv; charset=utf-8; header=present", "parquet": "application/vnd.apache.parquet"} {
		if r := h.get(t, extractsPath+"?format="+format); r.status != http.StatusOK || r.header.Get("Content-Type") != media {
			t.Errorf("%q: status %d, %s", format, r.status, r.header.Get("Content-Type"))
		}
		if q := f.last(t); q.Account != defaultAccount || q.Columns != nil || q.Until != nil || q.After.Sequences != nil || !q.From.IsZero() || q.Statuses != nil {
			t.Errorf("asked for %+v", q)
		}
	}
}

// Whoever has the trailers has the whole file.
func TestExtractTrailers(t *testing.T) {
	t.Parallel()
	h, _ := startExtracts(t, func(_ context.Context, w io.Writer) (int64, error) {
		_, err := io.WriteString(w, extractLine)
		return 1, err
	})
	resp, err := http.Get(h.url + extractsPath + "?format=jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != extractLine {
		t.Errorf("%q, %v", body, err)
	}
	if got := resp.Trailer.Get(nextCursorHeader); got != fakeEnd.String() {
		t.Errorf("cursor %q, want %q", got, fakeEnd)
	}
	if got := resp.Trailer.Get(rowsHeader); got != "1" {
		t.Errorf("rows %q, want 1", got)
	}
}

func TestExtractHead(t *testing.T) {
	t.Parallel()
	h, _ := startExtracts(t, func(context.Context, io.Writer) (int64, error) {
		t.Error("rows are read that nobody wants")
		return 0, nil
	})
	if r := h.do(t, http.MethodHead, extractsPath, nil); r.status != http.StatusOK || r.header.Get(nextCursorHeader) != fakeEnd.String() {
		t.Errorf("status %d, %v", r.status, r.header)
	}
}

func TestExtractIsCompressed(t *testing.T) {
	t.Parallel()
	h, _ := startExtracts(t, func(_ context.Context, w io.Writer) (int64, error) {
		_, err := io.WriteString(w, strings.Repeat(extractLine, 1000))
		return 1000, err
	})
	for accept, want := range map[string]string{
		"gzip": "gzip", "zstd": "zstd", "gzip, deflate, br, zstd": "zstd", "zstd;q=0.1, gzip;q=0.5": "gzip", "zstd; q=0, identity": "", "br": "", "identity": "", "GZIP;q=1.0": "gzip",
	} {
		r := h.get(t, extractsPath+"?format=csv", "Accept-Encoding", accept)
		if got := r.header.Get("Content-Encoding"); got != want {
			t.Errorf("%s: encoding %q, want %q", accept, got, want)
		}
		body := io.Reader(bytes.NewReader(r.body))
		switch want {
		case "gzip":
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		case "zstd":
			z, err := zstd.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(z.Close)
			body = z
		}
		if got, err := io.ReadAll(body); err != nil || string(got) != strings.Repeat(extractLine, 1000) {
			t.Errorf("%s: %d bytes, %v", accept, len(got), err)
		}
	}
	if r := h.get(t, extractsPath+"?format=parquet", "Accept-Encoding", "zstd"); r.header.Get("Content-Encoding") != "" {
		t.Error("parquet is compressed twice")
	}
}

func TestExtractsThatCannotBe(t *testing.T) {
	t.Parallel()
	h, f := startExtracts(t, nil)
	for query, says := range map[string]string{
		"format=xml":                       "format is one of [csv jsonl parquet]",
		"columns=account,nothing":          `"nothing" is none`,
		"columns=account,":                 `"" is none`,
		"columns=account,sequence,account": "columns has account twice",
		"columns=account%20":               "is none",
		"cursor=abc":                       `cursor is a position in the results, as an answer before gave it (next or cursor of a page, Parley-Next-Cursor of an extract, cursor of a callback); "abc" is none`,
		"until=%20":                        "until is a position in the results",
		"cursor=AqwCAA":                    "cursor is the cursor of a callback, which knows of some partitions but a time: ask GET /v1/results for a page after it",
		"until=AqwCAA":                     "until is the cursor of a callback",
		"cursor=AQkBAQEBAQEBAQE":           "cursor is of a Parley that has more partitions than this one, which has 8",
		"until=AQkBAQEBAQEBAQE":            "until is of a Parley that has more partitions than this one",
		"from=yesterday":                   "from is a time",
		"to=2026-11-22":                    "to is a time",
		"from=2026-11-22T00:00:00Z&to=2026-11-22T00:00:00Z": "from is before to",
		"status=HasErrors":   "ask for Error",
		"status=ok":          `"ok" is none`,
		"conversationId=%ff": "conversationId is not UTF-8",
		"limit=1":            `no query parameter "limit" here`,
	} {
		if d := h.get(t, extractsPath+"?"+query).problem(t); d.Status != 400 || d.Code != schemas.InvalidParameter || !strings.Contains(d.Detail, says) {
			t.Errorf("%s: %+v, want one that says %q", query, d, says)
		}
	}
	if len(f.asked) > 0 {
		t.Errorf("it was asked for %+v", f.asked)
	}
	for _, tt := range []struct {
		err    error
		status int
		says   string
	}{
		{fmt.Errorf("%w: away", schemas.ErrUnavailable), 503, "the record does not answer now"},
		{&schemas.Problem{Code: schemas.InvalidParameter, Detail: "until lies before cursor"}, 400, "until lies before cursor"},
		{errors.New("a defect"), 500, "it is our fault"},
	} {
		f.err = tt.err
		r := h.get(t, extractsPath)
		if d := r.problem(t); d.Status != tt.status || !strings.Contains(d.Detail, tt.says) || (r.header.Get("Retry-After") != "") != (tt.status == 503) {
			t.Errorf("%v: %+v", tt.err, d)
		}
	}
}

// An extract that fails in the middle is no whole file, whatever the client looks at.
func TestExtractBreaksOff(t *testing.T) {
	t.Parallel()
	h, _ := startExtracts(t, func(_ context.Context, w io.Writer) (int64, error) {
		if _, err := io.WriteString(w, extractLine); err != nil {
			return 0, err
		}
		return 1, errors.New("the engine is gone")
	})
	for _, encoding := range []string{"identity", "gzip"} {
		r, err := http.NewRequest(http.MethodGet, h.url+extractsPath+"?format=jsonl", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", encoding)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if !errors.Is(err, io.ErrUnexpectedEOF) || resp.Trailer.Get(rowsHeader) != "" {
			t.Errorf("%s: error %v, trailers %v", encoding, err, resp.Trailer)
		}
	}
	eventually(t, "it is logged", func() bool { return strings.Count(h.logged.String(), "extract broken off") == 2 })
	if !strings.Contains(h.logged.String(), "the engine is gone") {
		t.Error("the log does not say why")
	}
}

// Whoever leaves ends the extract; whoever does not read it is left.
func TestExtractWithoutReader(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	endless := func(ctx context.Context, w io.Writer) (int64, error) {
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				ended <- err
				return 0, err
			}
			if err := ctx.Err(); err != nil {
				ended <- err
				return 0, err
			}
		}
	}
	for name, leave := range map[string]bool{"leaves": true, "does not read": false} {
		h, _ := startExtracts(t, endless, func(cfg *Config) {
			cfg.ExtractPatience = time.Hour
			if !leave {
				cfg.ExtractPatience = 100 * time.Millisecond
			}
		})
		resp, err := http.Get(h.url + extractsPath + "?format=parquet") // which is not compressed
		if err != nil {
			t.Fatal(err)
		}
		if leave {
			resp.Body.Close()
		}
		select {
		case <-ended:
		case <-time.After(patience):
			t.Errorf("%s: the extract goes on", name)
		}
		resp.Body.Close()
		eventually(t, "its place is free", func() bool { return h.server.extracts.seats.taken.Load() == 0 })
	}
}

func TestExtractsAtOnce(t *testing.T) {
	t.Parallel()
	begun, end := make(chan struct{}, 2), make(chan struct{})
	h, _ := startExtracts(t, func(context.Context, io.Writer) (int64, error) {
		begun <- struct{}{}
		<-end
		return 0, nil
	}, func(cfg *Config) { cfg.ExtractsMax = 2 })
	var open sync.WaitGroup
	for range 2 {
		open.Go(func() { h.get(t, extractsPath) })
	}
	<-begun
	<-begun
	r := h.get(t, extractsPath)
	if d := r.problem(t); d.Status != 503 || r.header.Get("Retry-After") != "5" || !strings.Contains(d.Detail, "2 extracts are under way here") {
		t.Errorf("%+v, Retry-After %s", d, r.header.Get("Retry-After"))
	}
	close(end)
	open.Wait()
	if r := h.get(t, extractsPath); r.status != http.StatusOK {
		t.Errorf("afterwards: status %d", r.status)
	}
}
