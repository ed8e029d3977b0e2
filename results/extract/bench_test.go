package extract

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"time"

	"parley/results/recordtest"
	"parley/schemas"
)

// benchRows is how many rows an extract of the benchmarks has: -rows.
var benchRows = flag.Int("rows", 1_000_000, "rows of an extract in benchmarks")

// counting counts bytes, and calls then after every so many.
type counting struct {
	n, next, every int64
	then           func()
}

func (c *counting) Write(b []byte) (int, error) {
	if c.n += int64(len(b)); c.n > c.next {
		c.next = c.n + c.every
		c.then()
	}
	return len(b), nil
}

// memory is what this process has taken of the machine's memory.
func memory() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Sys - m.HeapReleased)
}

// BenchmarkExtract compares extracts with what the engine itself writes over its HTTP interface, in the same run.
func BenchmarkExtract(b *testing.B) {
	r := newRecord(b)
	r.fill(b, *benchRows)
	engines := map[schemas.ExtractFormat]string{schemas.ExtractCSV: "CSV", schemas.ExtractJSONL: "JSONEachRow", schemas.ExtractParquet: "Parquet"}
	for _, format := range schemas.ExtractFormats() {
		b.Run(string(format), func(b *testing.B) {
			var ours, theirs, bytes, theirBytes, peak float64
			var before, after runtime.MemStats
			for b.Loop() {
				out := &counting{every: 1 << 20, then: func() { peak = max(peak, memory()) }}
				runtime.ReadMemStats(&before)
				began := time.Now()
				if rows := r.extract(b, schemas.ExtractQuery{Account: account, Format: format}, out); rows != int64(*benchRows) {
					b.Fatalf("%d rows, want %d", rows, *benchRows)
				}
				ours += time.Since(began).Seconds()
				runtime.ReadMemStats(&after)
				began = time.Now()
				theirBytes += float64(r.engine(b, engines[format]))
				theirs += time.Since(began).Seconds()
				bytes += float64(out.n)
			}
			b.ReportMetric(bytes/ours/1e6, "MB/s")
			b.ReportMetric(theirBytes/theirs/1e6, "engine-MB/s")
			b.ReportMetric(float64(*benchRows*b.N)/ours, "rows/s")
			b.ReportMetric(theirs/ours, "x-engine-rows/s")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(*benchRows), "allocs/row")
			b.ReportMetric(peak/(1<<20), "peak-MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// engine has the engine write all results over its HTTP interface, and returns how many bytes that are.
func (r *testRecord) engine(t testing.TB, format string) int64 {
	t.Helper()
	query := url.Values{"database": {r.database}, "query": {fmt.Sprintf("SELECT * FROM results WHERE account = '%s' FORMAT %s", account, format)}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, recordtest.HTTP(t)+"/?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "identity") // as ours
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %v", resp.StatusCode, err)
	}
	return n
}
