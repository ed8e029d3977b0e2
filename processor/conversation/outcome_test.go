package conversation

import (
	"testing"

	"parley/schemas"
)

func TestOutcomeStatus(t *testing.T) {
	t.Parallel()
	good, bad := ObjectOutcome{}, ObjectOutcome{Failed: true, Code: "NoSuchRow"}
	tests := map[string]struct {
		outcome Outcome
		want    schemas.CallStatus
	}{
		"no results":       {Outcome{}, schemas.OK},
		"all good":         {Outcome{Results: []ObjectOutcome{good, good}}, schemas.OK},
		"the first failed": {Outcome{Results: []ObjectOutcome{bad, good}}, schemas.HasErrors},
		"the last failed":  {Outcome{Results: []ObjectOutcome{good, bad}}, schemas.HasErrors},
		"the only failed":  {Outcome{Results: []ObjectOutcome{bad}}, schemas.Error},
		"all failed":       {Outcome{Results: []ObjectOutcome{bad, bad}}, schemas.Error},
		"failed as whole":  {Outcome{Kind: Failed, Code: "NotAllowed"}, schemas.Error},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tt.outcome.Status(); got != tt.want {
				t.Errorf("Status() = %s, want %s", got, tt.want)
			}
		})
	}
}
