package deploy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

// exampleSecrets are what .env.example asks for.
var exampleSecrets = []string{"PARLEY_SECRET=0123456789abcdef", "CLICKHOUSE_PASSWORD=secret", "GRAFANA_PASSWORD=secret"}

func compose(t *testing.T, env ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(folder, "compose.yaml")}, cli.WithEnv(env), cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

// Compose can read the file, and all that it speaks of is there.
func TestCompose(t *testing.T) {
	t.Parallel()
	project, err := compose(t, exampleSecrets...)
	if err != nil {
		t.Fatal(err)
	}
	if err := project.CheckContainerNameUnicity(); err != nil {
		t.Error(err)
	}
	for name, s := range project.Services {
		checkImagePinned(t, s)
		checkVolumes(t, s)
		checkHealth(t, name, s, project)
		if s.Image == "parley" {
			checkNode(t, s)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s is open to the network at %s", name, p.Published)
			}
		}
	}
	for name, s := range project.Secrets {
		if s.Content == "" {
			t.Errorf("secret %s is empty", name)
		}
	}
}

// Without its secrets nothing begins, and who begins it is told what to do.
func TestComposeWantsSecrets(t *testing.T) {
	t.Parallel()
	for i, missing := range exampleSecrets[:2] {
		name, _, _ := strings.Cut(missing, "=")
		_, err := compose(t, slices.Delete(slices.Clone(exampleSecrets), i, i+1)...)
		if err == nil || !strings.Contains(err.Error(), "put "+name+" into deploy/.env") {
			t.Errorf("without %s: %v", name, err)
		}
	}
	example, err := os.ReadFile(filepath.Join(folder, ".env.example"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range exampleSecrets {
		if name, _, _ := strings.Cut(e, "="); !strings.Contains(string(example), "\n"+name+"=\n") {
			t.Errorf(".env.example does not ask for %s", name)
		}
	}
}

// checkNode looks at a container of Parley.
func checkNode(t *testing.T, s types.ServiceConfig) {
	t.Helper()
	for key := range s.Environment {
		mustBeSetting(t, s.Name, key)
	}
	if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) {
		t.Errorf("%s may more than it must", s.Name)
	}
	drain := time.Duration(0)
	if d := s.Environment["PARLEY_DRAIN_DELAY"]; d != nil {
		var err error
		if drain, err = time.ParseDuration(*d); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	if grace := time.Duration(*s.StopGracePeriod); grace < drain+stopWait+5*time.Second {
		t.Errorf("%s is killed after %s; it drains for %s and may then take %s", s.Name, grace, drain, stopWait)
	}
}

func checkImagePinned(t *testing.T, s types.ServiceConfig) {
	t.Helper()
	if s.Build == nil {
		if !pinnedForm.MatchString(s.Image) {
			t.Errorf("%s: image %s is not pinned", s.Name, s.Image)
		}
		return
	}
	stages := dockerfile(t)
	if s.Build.Target != stages[len(stages)-1].Name {
		t.Errorf("%s: the Dockerfile has no last target %s", s.Name, s.Build.Target)
	}
	if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil {
		t.Errorf("%s: %v", s.Name, err)
	}
}

func checkVolumes(t *testing.T, s types.ServiceConfig) {
	t.Helper()
	mounted := make(map[string]string)
	for _, v := range s.Volumes {
		if v.Type != types.VolumeTypeBind {
			continue
		}
		if _, err := os.Stat(v.Source); err != nil {
			t.Errorf("%s mounts what is not there: %v", s.Name, err)
		}
		if !v.ReadOnly {
			t.Errorf("%s could write to %s", s.Name, v.Source)
		}
		mounted[v.Target] = v.Source
	}
	routes := s.Environment["PARLEY_ROUTES"]
	if routes == nil {
		return
	}
	dir, ok := mounted[filepath.Dir(*routes)]
	if _, err := os.Stat(filepath.Join(dir, filepath.Base(*routes))); !ok || err != nil {
		t.Errorf("%s: no file is mounted at %s", s.Name, *routes)
	}
}

// checkHealth wants that whoever is waited for until it is healthy can be.
func checkHealth(t *testing.T, name string, s types.ServiceConfig, project *types.Project) {
	t.Helper()
	for on, how := range s.DependsOn {
		other, ok := project.Services[on]
		if !ok {
			t.Errorf("%s waits for %s, which is not there", name, on)
			continue
		}
		if how.Condition == types.ServiceConditionHealthy && (other.HealthCheck == nil || other.HealthCheck.Disable) {
			t.Errorf("%s waits until %s is healthy, which nobody asks", name, on)
		}
	}
}

// Prometheus asks every node that there is, and nobody else.
func TestComposePrometheus(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(folder, "compose", "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		ScrapeConfigs []struct {
			JobName       string `yaml:"job_name"`
			StaticConfigs []struct {
				Targets []string
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	project, err := compose(t, exampleSecrets...)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for name, s := range project.Services {
		if s.Environment["PARLEY_ROLES"] != nil {
			want = append(want, name+":8080")
		}
	}
	slices.Sort(want)
	if c := config.ScrapeConfigs; len(c) != 1 || c[0].JobName != "parley" || len(c[0].StaticConfigs) != 1 || !slices.Equal(slices.Sorted(slices.Values(c[0].StaticConfigs[0].Targets)), want) {
		t.Errorf("it asks %v, want the job parley with %v", c, want)
	}
}
