// Package rules has Prometheus itself read the alert rules in deploy/prometheus. It is a module of its own: what Prometheus depends
// on is no concern of Parley's.
package rules

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

func TestRules(t *testing.T) {
	file := filepath.Join("..", "..", "..", "deploy", "prometheus", "parley.rules.yaml")
	groups, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil || len(groups.Groups) == 0 {
		t.Error("no rules")
	}
}
