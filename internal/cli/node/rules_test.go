package node

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// rulesFile has the alerts that we ship. That Prometheus can read it is tested in internal/tools/rules.
var rulesFile = filepath.Join("..", "..", "..", "deploy", "prometheus", "parley.rules.yaml")

// runbook has a section for each alert.
var runbook = filepath.Join("..", "..", "..", "docs", "operations.md")

var sectionName = regexp.MustCompile(`(?m)^### (Parley\w+)$`)

// seriesOfHistogram ends the names that a histogram's series have beside its own.
var seriesOfHistogram = regexp.MustCompile(`_(bucket|count|sum)$`)

var metricName = regexp.MustCompile(`\bparley_[a-z_]+`)

// The alerts speak of metrics that there are, and say what to do.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, rulesFile)), &file); err != nil {
		t.Fatal(err)
	}
	listed := metricName.FindAllString(read(t, metricsDoc), -1)
	var sections []string
	for _, s := range sectionName.FindAllStringSubmatch(read(t, runbook), -1) {
		sections = append(sections, s[1])
	}
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
			if !slices.Contains(sections, r.Alert) {
				t.Errorf("%s: docs/operations.md has no section about it", r.Alert)
			}
			if url := r.Annotations["runbook_url"]; !strings.HasSuffix(url, "docs/operations.md#"+strings.ToLower(r.Alert)) {
				t.Errorf("%s: runbook_url %q is not that of its section", r.Alert, url)
			}
			for _, name := range metricName.FindAllString(r.Expr, -1) {
				name = seriesOfHistogram.ReplaceAllString(name, "")
				if !slices.Contains(listed, name) {
					t.Errorf("%s: there is no metric %s", r.Alert, name)
				}
			}
		}
	}
	for _, name := range sections {
		if !seen[name] {
			t.Errorf("docs/operations.md has a section about %s, which is no alert", name)
		}
	}
	for _, name := range metricName.FindAllString(read(t, runbook), -1) {
		if !slices.Contains(listed, name) {
			t.Errorf("docs/operations.md: there is no metric %s", name)
		}
	}
	if !seen["ParleyBooksNotInOrder"] {
		t.Error("no alert for the audit")
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
