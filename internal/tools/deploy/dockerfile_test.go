package deploy

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// BuildKit can read the Dockerfile, and finds nothing to say of it.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	stages := dockerfile(t)
	names := make([]string, 0, len(stages))
	for _, s := range stages {
		if !slices.Contains(names, s.BaseName) && !strings.Contains(s.BaseName, "@sha256:") {
			t.Errorf("stage %s: base image %s has no digest", s.Name, s.BaseName)
		}
		names = append(names, s.Name)
		checkCopies(t, s, names)
	}
	last := stages[len(stages)-1]
	if last.Name != "parley" {
		t.Errorf("what is built unless a target is named is %s", last.Name)
	}
	for _, target := range []string{"parley", "embedded"} {
		checkImage(t, target, stages)
	}
}

func dockerfile(t *testing.T) []instructions.Stage {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range file.Warnings {
		t.Errorf("warning: %s", w.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, at []parser.Range) {
		t.Errorf("%v: %s: %s", at, rule, message)
	}})
	stages, _, err := instructions.Parse(file.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	return stages
}

// checkCopies wants a source of every COPY: in the repository, or in a stage before this one.
func checkCopies(t *testing.T, s instructions.Stage, before []string) {
	t.Helper()
	for _, c := range s.Commands {
		cp, ok := c.(*instructions.CopyCommand)
		if !ok {
			continue
		}
		if cp.From != "" {
			if !slices.Contains(before, cp.From) {
				t.Errorf("stage %s copies from %s, which is none before it", s.Name, cp.From)
			}
			continue
		}
		for _, p := range cp.SourcePaths {
			if _, err := os.Stat(filepath.Join(root, p)); err != nil {
				t.Errorf("stage %s copies what is not there: %v", s.Name, err)
			}
		}
	}
}

// checkImage looks at what an image is: that of its stage, and of those that it is made from.
func checkImage(t *testing.T, target string, stages []instructions.Stage) {
	t.Helper()
	image := make(map[string]string)
	for name := target; ; {
		i := slices.IndexFunc(stages, func(s instructions.Stage) bool { return s.Name == name })
		if i < 0 {
			break
		}
		for _, c := range slices.Backward(stages[i].Commands) {
			note(t, image, target, c)
		}
		name = stages[i].BaseName
	}
	if u := image["user"]; u == "" || strings.HasPrefix(u, "0") || strings.HasPrefix(u, "root") {
		t.Errorf("%s runs as %q", target, u)
	}
	for _, what := range []string{"healthcheck", "entrypoint", "cmd", "volume"} {
		if image[what] == "" {
			t.Errorf("%s has no %s", target, what)
		}
	}
}

// note keeps what the last command of each kind says.
func note(t *testing.T, image map[string]string, target string, c instructions.Command) {
	t.Helper()
	say := func(what, text string) {
		if image[what] == "" {
			image[what] = text
		}
	}
	switch c := c.(type) {
	case *instructions.UserCommand:
		say("user", c.User)
	case *instructions.HealthCheckCommand:
		say("healthcheck", strings.Join(c.Health.Test, " "))
	case *instructions.EntrypointCommand:
		say("entrypoint", strings.Join(c.CmdLine, " "))
	case *instructions.CmdCommand:
		say("cmd", strings.Join(c.CmdLine, " "))
	case *instructions.VolumeCommand:
		say("volume", strings.Join(c.Volumes, " "))
	case *instructions.EnvCommand:
		for _, e := range c.Env {
			mustBeSetting(t, target, e.Key)
		}
	}
}
