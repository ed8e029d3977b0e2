package route_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/route"
)

// followed is a file that is being followed in a bubble of its own time.
type followed struct {
	*route.Follower
	file    string
	again   chan os.Signal
	metrics *prometheus.Registry
	logged  *bytes.Buffer
}

// follow follows a file with the routes rows and performs, calls act, and ends.
func follow(t *testing.T, act func(*testing.T, followed)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "routes.yaml")
	write(t, file, routesNamed("rows", "performs"))
	followFile(t, file, act)
}

func followFile(t *testing.T, file string, act func(*testing.T, followed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := followed{file: file, again: make(chan os.Signal), metrics: prometheus.NewRegistry(), logged: new(bytes.Buffer)}
		var err error
		f.Follower, err = route.Follow(route.FollowConfig{
			File: file,
			Check: func(t *route.Table) error {
				if _, ok := t.Named("forbidden"); ok {
					return errors.New("a route has a forbidden name")
				}
				return nil
			},
			Log:     slog.New(slog.NewTextHandler(f.logged, nil)),
			Metrics: f.metrics,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := f.Run(ctx, f.again); err != nil {
				t.Error(err)
			}
		})
		act(t, f)
		cancel()
		running.Wait()
	})
}

// routesNamed is a file with a route for each name.
func routesNamed(names ...string) string {
	var b strings.Builder
	b.WriteString("routes:\n")
	for _, n := range names {
		b.WriteString("- {name: " + n + ", match: {objectType: " + n + "}, executor: {type: http, url: 'http://127.0.0.1:1/'}}\n")
	}
	return b.String()
}

func (f followed) names() string {
	var names []string
	for _, r := range f.Current().Table().Routes() {
		names = append(names, r.Name)
	}
	return strings.Join(names, " ")
}

// pass lets time pass.
func (f followed) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (f followed) expect(t *testing.T, names string, ok float64) {
	t.Helper()
	if got := f.names(); got != names {
		t.Errorf("in force: %s; want %s", got, names)
	}
	if got := f.metric(t, "parley_routes_last_reload_ok"); got != ok {
		t.Errorf("last reload ok: %v, want %v", got, ok)
	}
	if got := f.metric(t, "parley_routes_in_force"); got != float64(len(strings.Fields(names))) {
		t.Errorf("%v routes are said to be in force: %s", got, names)
	}
	if got := f.metric(t, "parley_routes_info"); got != 1 {
		t.Errorf("the digest in force is %v, want 1", got)
	}
}

// metric is the value of a metric, of which there is one.
func (f followed) metric(t *testing.T, name string) float64 {
	t.Helper()
	all, err := f.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.GetName() != name {
			continue
		}
		if n := len(m.GetMetric()); n != 1 {
			t.Fatalf("%d metrics %s, want 1", n, name)
		}
		return m.GetMetric()[0].GetGauge().GetValue()
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func (f followed) countLogged(text string) int { return strings.Count(f.logged.String(), text) }

func TestFollowTakesAChange(t *testing.T) {
	t.Parallel()
	follow(t, func(t *testing.T, f followed) {
		f.pass(5 * time.Second)
		f.expect(t, "rows performs", 1)
		write(t, f.file, routesNamed("performs", "mails"))
		f.pass(2500 * time.Millisecond)
		f.expect(t, "performs mails", 1)
		for _, want := range []string{"routes changed", "added=[mails]", "changed=[]", "removed=[rows]"} {
			if f.countLogged(want) != 1 {
				t.Errorf("not logged once: %s\n%s", want, f.logged)
			}
		}
		write(t, f.file, strings.ReplaceAll(routesNamed("performs", "mails"), ":1/", ":2/")+"# a comment\n")
		f.pass(2500 * time.Millisecond)
		if f.countLogged(`changed="[performs mails]"`) != 1 {
			t.Errorf("the change of both is not logged once\n%s", f.logged)
		}
	})
}

// What is being written is not taken: the first half of a file may be a valid one.
func TestFollowWaitsUntilTheFileIsWritten(t *testing.T) {
	t.Parallel()
	follow(t, func(t *testing.T, f followed) {
		f.pass(500 * time.Millisecond) // between two looks
		for _, half := range []string{routesNamed("a"), routesNamed("a", "b"), routesNamed("a", "b", "c")} {
			f.expect(t, "rows performs", 1)
			write(t, f.file, half)
			f.pass(time.Second)
		}
		f.pass(time.Second)
		f.expect(t, "a b c", 1)
	})
}

func TestFollowReadsAtOnceWhenTold(t *testing.T) {
	t.Parallel()
	follow(t, func(t *testing.T, f followed) {
		write(t, f.file, routesNamed("a"))
		f.again <- syscall.SIGHUP
		f.pass(0)
		f.expect(t, "a", 1)
		f.again <- syscall.SIGHUP
		f.pass(0)
		if f.countLogged("the routes are as before") != 1 {
			t.Errorf("a second reading is not logged\n%s", f.logged)
		}
	})
}

func TestFollowKeepsTheTableWhenTheFileIsBad(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		problems   []string
	}{
		{"two problems", "routes:\n- name: a\n  colour: red\n  concurrency: 0\n  executor: {type: http, url: 'http://h/'}", []string{"line 3", "line 4"}},
		{"not YAML", "routes: [", []string{"line 1"}},
		{"refused by the check", routesNamed("forbidden"), []string{"forbidden name"}},
		{"empty", "", []string{"there is no route"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			follow(t, func(t *testing.T, f followed) {
				write(t, f.file, tt.text)
				f.pass(10 * time.Second)
				f.expect(t, "rows performs", 0)
				if n := f.countLogged("routes file refused"); n != len(tt.problems) {
					t.Errorf("%d problems logged, want %d\n%s", n, len(tt.problems), f.logged)
				}
				for _, p := range tt.problems {
					if f.countLogged(p) != 1 {
						t.Errorf("not logged once: %s\n%s", p, f.logged)
					}
				}
				write(t, f.file, routesNamed("rows", "performs"))
				f.pass(3 * time.Second)
				f.expect(t, "rows performs", 1)
			})
		})
	}
}

func TestFollowWithoutTheFile(t *testing.T) {
	t.Parallel()
	follow(t, func(t *testing.T, f followed) {
		if err := os.Remove(f.file); err != nil {
			t.Fatal(err)
		}
		f.pass(10 * time.Second)
		f.expect(t, "rows performs", 0)
		if f.countLogged("no such file") != 1 {
			t.Errorf("its absence is not logged once\n%s", f.logged)
		}
		write(t, f.file+".new", routesNamed("a"))
		if err := os.Rename(f.file+".new", f.file); err != nil {
			t.Fatal(err)
		}
		f.pass(3 * time.Second)
		f.expect(t, "a", 1)
	})
}

// Kubernetes shows a ConfigMap as links through a folder, which is itself a link that is replaced.
func TestFollowThroughLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for version, text := range map[string]string{"v1": routesNamed("a"), "v2": routesNamed("b")} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "routes.yaml"), text)
	}
	link("v1", "..data")
	link(filepath.Join("..data", "routes.yaml"), "routes.yaml")
	followFile(t, filepath.Join(dir, "routes.yaml"), func(t *testing.T, f followed) {
		f.expect(t, "a", 1)
		link("v2", "..new")
		if err := os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		f.pass(3 * time.Second)
		f.expect(t, "b", 1)
	})
}

func TestFollowBeginsWithARightFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "routes.yaml")
	log := slog.New(slog.DiscardHandler)
	if _, err := route.Follow(route.FollowConfig{File: file, Log: log}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("without a file: %v", err)
	}
	write(t, file, "routes: [{}]")
	if _, err := route.Follow(route.FollowConfig{File: file, Log: log}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("with a bad file: %v, want an error that names it", err)
	}
}
