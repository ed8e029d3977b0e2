package deploy

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	helm "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"sigs.k8s.io/yaml"
)

var chartFolder = filepath.Join(folder, "helm", "parley")

// release is what the chart is rendered for.
const (
	release   = "trial"
	namespace = "calls"
)

func values(t *testing.T, file string) map[string]any {
	t.Helper()
	v, err := chartutil.ReadValuesFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// chart is what Helm reads from the folder.
var chart = sync.OnceValues(func() (*helm.Chart, error) { return loader.Load(chartFolder) })

// render gives the manifests that Helm would send, by file and in order.
func render(t *testing.T, values map[string]any) ([]string, error) {
	t.Helper()
	c, err := chart()
	if err != nil {
		t.Fatal(err)
	}
	all, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	files, err := engine.Engine{Strict: true}.Render(c, all)
	if err != nil {
		return nil, err
	}
	var manifests []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if filepath.Ext(name) != ".yaml" {
			continue
		}
		for _, m := range strings.Split("\n"+files[name], "\n---\n") {
			var object map[string]any
			if err := yaml.Unmarshal([]byte(m), &object); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, m)
			}
			if len(object) > 0 {
				manifests = append(manifests, m)
			}
		}
	}
	return manifests, nil
}

// What Helm makes of the chart is what Kubernetes knows, and its objects agree.
func TestChart(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no values to try: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			manifests, err := render(t, values(t, filepath.Base(file)))
			if err != nil {
				t.Fatal(err)
			}
			decode(t, manifests).check(t)
		})
	}
}

// helm lint finds nothing to say.
func TestChartLint(t *testing.T) {
	t.Parallel()
	for _, m := range lint.AllWithKubeVersion(chartFolder, values(t, "full.yaml"), namespace, nil).Messages {
		if m.Severity > support.InfoSev {
			t.Error(m)
		}
	}
}

// Values that cannot be meant are refused, by the name of what is wrong.
func TestChartRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ set, want string }{
		"no brokers":           {`{kafka: {brokers: ""}}`, "/kafka/brokers"},
		"a broker alone":       {`{kafka: {brokers: "kafka"}}`, "/kafka/brokers"},
		"no secret":            {`{existingSecret: ""}`, "existingSecret"},
		"no routes":            {`{routes: []}`, "routes is empty"},
		"two tables":           {`{routesConfigMap: mine}`, "routes and routesConfigMap are both set"},
		"misspelt":             {`{processors: {}}`, "processors"},
		"misspelt in a role":   {`{ingest: {replica: 1}}`, "replica"},
		"not a setting":        {`{settings: {KAFKA: x}}`, "KAFKA"},
		"a setting of its own": {`{settings: {PARLEY_ROLES: ingest}}`, "PARLEY_ROLES"},
		"memory in bytes":      {`{ingest: {resources: {limits: {memory: "1000000"}}}}`, "memory"},
		"a digest":             {`{image: {digest: "sha256:1"}}`, "digest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := values(t, "least.yaml")
			var set map[string]any
			if err := yaml.Unmarshal([]byte(c.set), &set); err != nil {
				t.Fatal(err)
			}
			if _, err := render(t, chartutil.MergeTables(set, v)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want something about %s", err, c.want)
			}
		})
	}
}

// The chart has the files of the repository, not copies.
func TestChartFiles(t *testing.T) {
	t.Parallel()
	for link, file := range map[string]string{"parley.rules.yaml": "prometheus/parley.rules.yaml", "dashboard.json": "grafana/parley.json"} {
		got, err := filepath.EvalSymlinks(filepath.Join(chartFolder, "files", link))
		if err != nil {
			t.Fatal(err)
		}
		want := filepath.Join(folder, filepath.FromSlash(file))
		a, err1 := os.Stat(got)
		b, err2 := os.Stat(want)
		if err1 != nil || err2 != nil || !os.SameFile(a, b) {
			t.Errorf("%s is %s, not %s", link, got, want)
		}
	}
}
