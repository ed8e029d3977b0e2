// Package rules has Prometheus itself read the alert rules in deploy/prometheus, and shows when each fires. It is a module of its own:
// what Prometheus depends on is no concern of Parley's.
package rules

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// alerts are the rules, by name.
func alerts(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	file := filepath.Join("..", "..", "..", "deploy", "prometheus", "parley.rules.yaml")
	groups, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil {
		t.FailNow()
	}
	all := make(map[string]rulefmt.Rule)
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			all[r.Alert] = r
		}
	}
	if len(all) == 0 {
		t.Error("no rules")
	}
	return all
}
