// Package extract writes results into a file, so that it can go on after it was interrupted.
//
// The range of the extract is fixed first. Of csv and jsonl it is asked for in chunks, from cursor to cursor: FILE.part has
// the chunks that are whole, and FILE.part.json says where the next one begins. What is behind them in FILE.part is of a
// chunk that was interrupted, and cut off. Parquet cannot be put together of pieces: it is begun again, over the same range.
// When all is there, FILE.part becomes FILE. The bytes do not depend on how often it was interrupted.
package extract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"parley/internal/cli/client"
	"parley/schemas"
)

// Config says what is written where.
type Config struct {
	Client *client.Client
	Query  client.ExtractQuery
	// Asked is the query as it was put, with times that depend on when: who asks the same again goes on.
	Asked string
	File  string
	// Bookmark is where Query begins, and is moved to where the extract ends, in one with FILE getting its name. Nil: there
	// is none.
	Bookmark *Bookmark
	// RetryFor is for how long a chunk is asked for again while Parley cannot give it.
	RetryFor time.Duration
	// Progress is told, from time to time, how many bytes of the file are there. Nil: nobody is.
	Progress func(bytes int64)
}

func (c Config) patience() client.Patience { return client.Patience{For: c.RetryFor, Unreached: true} }

// Report is what became of an extract.
type Report struct {
	Rows, Bytes int64
	// Resumed is how many bytes were there already.
	Resumed int64
	// Cursor is how far the extract goes.
	Cursor string
}

// Run writes an extract. After an error the same call goes on, if FILE.part.json is there.
func Run(ctx context.Context, cfg Config) (Report, error) {
	w, err := open(ctx, cfg)
	if err != nil {
		return Report{}, err
	}
	report := Report{Resumed: w.state.Bytes, Cursor: w.state.Until}
	err = w.write(ctx)
	report.Rows, report.Bytes = w.state.Rows, w.state.Bytes
	if err = errors.Join(err, w.part.Close()); err != nil {
		return report, err
	}
	for _, step := range w.ending() {
		if err := step(); err != nil {
			return report, err
		}
	}
	return report, nil
}

// ending is what is done when all is there. Who is interrupted between two steps begins again with the same extract, or
// opens the bookmark again.
func (w *writing) ending() []func() error {
	name := func() error {
		if err := os.Rename(partPath(w.cfg.File), w.cfg.File); err != nil {
			return fmt.Errorf("name extract: %w", err)
		}
		return nil
	}
	forget := func() error {
		if err := os.Remove(statePath(w.cfg.File)); err != nil {
			return fmt.Errorf("remove state of extract: %w", err)
		}
		return nil
	}
	if w.cfg.Bookmark == nil {
		return []func() error{name, forget}
	}
	return []func() error{
		func() error {
			return w.cfg.Bookmark.naming(named{File: w.cfg.File, Bytes: w.state.Bytes, Cursor: w.state.Until})
		},
		name,
		forget,
		func() error { return w.cfg.Bookmark.Move(w.state.Until) },
	}
}

// writing is an extract under way.
type writing struct {
	cfg   Config
	part  *os.File
	state state
}

// open takes up an extract of the same query that was interrupted, or begins one.
func open(ctx context.Context, cfg Config) (*writing, error) {
	w := &writing{cfg: cfg}
	var err error
	if w.state, err = readState(cfg.File); err != nil {
		return nil, err
	}
	if w.state.Until == "" || w.state.Asked != cfg.Asked || w.state.named(cfg.File) {
		if w.state, err = begin(ctx, cfg); err != nil {
			return nil, err
		}
	}
	if w.part, err = os.OpenFile(partPath(cfg.File), os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
		return nil, fmt.Errorf("open extract: %w", err)
	}
	info, err := w.part.Stat()
	if err == nil && info.Size() < w.state.Bytes {
		err = fmt.Errorf("%s has %d bytes, and %s speaks of %d: remove both to begin anew", w.part.Name(), info.Size(), statePath(cfg.File), w.state.Bytes)
	}
	if err != nil {
		return nil, errors.Join(err, w.part.Close())
	}
	return w, nil
}

// begin fixes the range of an extract.
func begin(ctx context.Context, cfg Config) (state, error) {
	s := state{Asked: cfg.Asked, Query: cfg.Query, Cursor: cfg.Query.Cursor, Until: cfg.Query.Until}
	if s.Until == "" {
		if err := client.Insist(ctx, cfg.patience(), func() (err error) {
			s.Until, err = cfg.Client.ExtractEnd(ctx, cfg.Query)
			return err
		}); err != nil {
			return s, err
		}
	}
	return s, s.write(cfg.File)
}

// write writes what is missing.
func (w *writing) write(ctx context.Context) error {
	until, err := parseCursor(w.state.Until)
	if err != nil {
		return err
	}
	at, err := parseCursor(w.state.Cursor)
	if err != nil {
		return err
	}
	for step := newPace(); !w.state.Done; {
		next := until
		if w.state.Query.Format != schemas.ExtractParquet {
			next = at.Toward(until, step.sequences)
		}
		rows, err := w.chunk(ctx, at, next)
		if err != nil {
			return err
		}
		step.took(rows)
		at = next
	}
	return nil
}

// chunk writes what lies between two cursors behind what is there, and notes that it is whole.
func (w *writing) chunk(ctx context.Context, from, to schemas.Cursor) (int64, error) {
	q := w.state.Query
	q.Cursor, q.Until = from.String(), to.String()
	var got client.Extracted
	out := &chunkWriter{file: w.part, progress: w.cfg.Progress}
	if err := client.Insist(ctx, w.cfg.patience(), func() (err error) {
		if err := out.begin(w.state.Bytes, q.Format == schemas.ExtractCSV && w.state.Bytes > 0); err != nil {
			return err
		}
		got, err = w.cfg.Client.Extract(ctx, q, out)
		return err
	}); err != nil {
		return 0, err
	}
	if err := w.part.Sync(); err != nil {
		return 0, fmt.Errorf("write extract: %w", err)
	}
	w.state.Bytes, w.state.Cursor = out.at, q.Until
	w.state.Rows += got.Rows
	w.state.Done = q.Until == w.state.Until
	return got.Rows, w.state.write(w.cfg.File)
}

// chunkWriter writes a chunk at its place in a file.
type chunkWriter struct {
	file     *os.File
	at       int64
	progress func(int64)
	// header is set while the header row of the chunk, which the file has already, has not been passed.
	header bool
}

// begin goes to where a chunk begins, and cuts off what is there of one that was interrupted.
func (w *chunkWriter) begin(at int64, header bool) error {
	w.at, w.header = at, header
	info, err := w.file.Stat()
	if err == nil && info.Size() > at {
		err = w.file.Truncate(at)
	}
	if err == nil {
		_, err = w.file.Seek(at, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("cut off interrupted chunk: %w", err)
	}
	return nil
}

// Write implements io.Writer.
func (w *chunkWriter) Write(b []byte) (int, error) {
	rest := b
	if w.header { // names of columns have no line breaks
		_, after, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		rest, w.header = after, false
	}
	n, err := w.file.Write(rest)
	w.at += int64(n)
	if err != nil {
		return n, fmt.Errorf("write extract: %w", err)
	}
	if w.progress != nil {
		w.progress(w.at)
	}
	return len(b), nil
}

func parseCursor(text string) (schemas.Cursor, error) {
	if text == "" {
		return schemas.Cursor{}, nil
	}
	c, err := schemas.ParseCursor(text)
	if err != nil {
		return c, fmt.Errorf("cursor %q: %w", text, err)
	}
	return c, nil
}
