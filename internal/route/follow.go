package route

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// FollowConfig is what a Follower is made of. Fields without a default are required.
type FollowConfig struct {
	// File is a YAML file, see Parse. It may be a symbolic link, and may be replaced by renaming.
	File string
	// Check refuses a table for what the file alone does not tell. Nil: nothing is.
	Check func(*Table) error
	// Interval is the time between two looks at the file; a change is taken when two looks have found the same.
	// Zero: 1 s.
	Interval time.Duration
	// Log is told of every change, and of everything that is wrong with one.
	Log *slog.Logger
	// Metrics receives the metrics of the table in force; nil: none are kept.
	Metrics prometheus.Registerer
}

// Follower keeps a table in force as a file says, while calls run. A file that is not right leaves the table of before
// in force.
type Follower struct {
	cfg     FollowConfig
	current *Current
	metrics followMetrics

	acted   look // the last one that was acted upon, well or not
	pending look // the one before, if it was another: the file may be being written
}

// look is what was found at the file's name at one time.
type look struct {
	content string
	err     string // of reading; then there is no content
}

// Follow reads the table for the first time. From then on Run must be called to follow it. Its error is that of Load or
// of Check.
func Follow(cfg FollowConfig) (*Follower, error) {
	if cfg.Interval == 0 {
		cfg.Interval = time.Second
	}
	if cfg.Check == nil {
		cfg.Check = func(*Table) error { return nil }
	}
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	f := &Follower{cfg: cfg, metrics: newFollowMetrics(cfg.Metrics)}
	f.acted = f.look()
	table, err := f.table(f.acted)
	if err != nil {
		return nil, fmt.Errorf("read routes of %s: %w", cfg.File, err)
	}
	f.current = NewCurrent(table)
	f.metrics.loaded(table, digest(f.acted.content))
	return f, nil
}

// Current is the table in force, which Run replaces.
func (f *Follower) Current() *Current { return f.current }

// Run follows the file until ctx ends, and returns nil. Whatever comes from again makes it read the file at once. It is
// called once.
func (f *Follower) Run(ctx context.Context, again <-chan os.Signal) error {
	tick := time.NewTicker(f.cfg.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again:
			f.take(f.look())
		case <-tick.C:
			f.observe(f.look())
		}
	}
}

func (f *Follower) look() look {
	b, err := os.ReadFile(f.cfg.File)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err // the file is named by who says it
	}
	if err != nil {
		return look{err: err.Error()}
	}
	return look{content: string(b)}
}

// observe takes what differs from what was acted upon, once it stays.
func (f *Follower) observe(now look) {
	before := f.pending
	f.pending = now
	if now != f.acted && now == before {
		f.take(now)
	}
}

// take puts in force what was found, if it is right, and says what has changed or what is wrong.
func (f *Follower) take(found look) {
	f.acted, f.pending = found, found
	table, err := f.table(found)
	if err != nil {
		f.metrics.refused()
		for _, problem := range problems(err) {
			f.cfg.Log.Error("routes file refused; the routes of before stay in force", slog.String("file", f.cfg.File), slog.String("problem", problem))
		}
		return
	}
	f.metrics.loaded(table, digest(found.content))
	before := f.current.Table()
	if slices.Equal(before.Routes(), table.Routes()) {
		f.cfg.Log.Info("routes file read; the routes are as before", slog.String("file", f.cfg.File))
		return
	}
	f.current.Replace(table)
	change := changeOf(before, table)
	f.cfg.Log.Info("routes changed", slog.String("file", f.cfg.File), slog.Int("routes", len(table.Routes())),
		slog.Any("added", change.added), slog.Any("changed", change.changed), slog.Any("removed", change.removed))
}

func (f *Follower) table(found look) (*Table, error) {
	if found.err != "" {
		return nil, errors.New(found.err)
	}
	t, err := Parse([]byte(found.content))
	if err != nil {
		return nil, err
	}
	return t, f.cfg.Check(t)
}

// problems are the sentences of an error, one by one.
func problems(err error) []string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Problems
	}
	return []string{strings.Join(strings.Fields(err.Error()), " ")}
}

// change is what differs between two tables: names of routes.
type change struct {
	added, changed, removed []string
}

func changeOf(before, after *Table) change {
	var c change
	for _, r := range after.Routes() {
		was, ok := before.Named(r.Name)
		switch {
		case !ok:
			c.added = append(c.added, r.Name)
		case *was != r:
			c.changed = append(c.changed, r.Name)
		}
	}
	for _, r := range before.Routes() {
		if _, ok := after.Named(r.Name); !ok {
			c.removed = append(c.removed, r.Name)
		}
	}
	return c
}

// digest tells contents apart: nodes with the same have the same routes.
func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:6])
}
