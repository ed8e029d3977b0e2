package main

import (
	"fmt"
	"io"
	"os"
	"time"
	"parley/internal/embedded/chdb"
)

func main() {
	path, _ := chdb.Find("")
	lib, err := chdb.Load(path)
	if err != nil { panic(err) }
	dir, _ := os.MkdirTemp("", "probe-")
	defer os.RemoveAll(dir)
	base, err := lib.Connect("--path="+dir)
	if err != nil { panic(err) }
	defer base.Close()
	run := func(sql, format string, read func(r *os.File)) {
		c, err := lib.Connect("--path="+dir, "--implicit_select=0")
		if err != nil { panic(err) }
		defer c.Close()
		r, w, _ := os.Pipe()
		out := fmt.Sprintf("%s\nINTO OUTFILE '/proc/self/fd/%d' TRUNCATE", sql, w.Fd())
		if format != "" { out += " FORMAT "+format }
		done := make(chan struct{})
		go func() { defer close(done); read(r) }()
		start := time.Now()
		res, err := c.Query(chdb.Statement{SQL: out, Format: "TSV"})
		w.Close()
		<-done
		fmt.Printf("%s %s: %v %+v data=%q %v\n", sql, format, err, res.Stats, res.Data, time.Since(start))
	}
	count := func(r *os.File) { n, err := io.Copy(io.Discard, r); fmt.Println("read", n, err) }
	show := func(r *os.File) { b, err := io.ReadAll(r); if len(b) > 300 { b = b[:300] }; fmt.Printf("%q %v\n", b, err) }
	run("SELECT 1 AS a, 'x' AS b", "JSON", show)
	run("SELECT throwIf(1)", "JSON", show)
	run("SELECT number%2 k, count() FROM numbers(10) GROUP BY k WITH TOTALS", "JSONCompact", show)
	run("SELECT number FROM numbers(200000) SETTINGS max_threads=1", "CSVWithNames", show)
	run("SELECT 1 WHERE 0", "JSON", show)
	run("SELECT 1 WHERE 0", "Parquet", show)
	for _, f := range []string{"TSV","JSON","RowBinaryWithNamesAndTypes","Parquet","Arrow","CSVWithNames","Native"} {
		run("SELECT number, toString(number), 'constant' FROM numbers(10000000)", f, count)
	}
	// slow reader
	go run("SELECT number FROM numbers(1000000000000)", "TSV", func(r *os.File) { time.Sleep(5*time.Second); fmt.Println("slow reads"); io.Copy(io.Discard, io.LimitReader(r, 1<<20)); select {} })
	time.Sleep(time.Second)
	s := time.Now()
	for range 5 { run("SELECT 1", "TSV", show) }
	r, err := base.Query(chdb.Statement{SQL: "SELECT count(), query FROM system.processes GROUP BY query", Format: "TSV"})
	fmt.Printf("%s %v %v\n", r.Data, err, time.Since(s))
	os.Exit(0)
}
