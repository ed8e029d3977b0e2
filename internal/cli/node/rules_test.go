package node

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

// rulesFile has the alerts that we ship. That Prometheus can read it is tested in internal/tools/rules.
var rulesFile = filepath.Join("..", "..", "..", "deploy", "prometheus", "parley.rules.yaml")

var metricName = regexp.MustCompile(`\bparley_[a-z_]+`)

// The alerts speak of metrics that there are, and say what to do.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(metricsDoc)
	if err != nil {
		t.Fatal(err)
	}
	listed := metricName.FindAllString(string(page), -1)
	seen := make(map[string]bool)
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || seen[r.Alert] {
				t.Errorf("%s: an alert without a name of its own: %q", g.Name, r.Alert)
			}
			seen[r.Alert] = true
			if s := r.Labels["severity"]; s != "page" && s != "ticket" {
				t.Errorf("%s: severity %q", r.Alert, s)
			}
			if r.Annotations["summary"] == "" {
				t.Errorf("%s: no summary", r.Alert)
			}
			for _, name := range metricName.FindAllString(r.Expr, -1) {
				if !slices.Contains(listed, name) {
					t.Errorf("%s: there is no metric %s", r.Alert, name)
				}
			}
		}
	}
	if !seen["ParleyBooksNotInOrder"] {
		t.Error("no alert for the audit")
	}
}
