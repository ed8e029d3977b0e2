package conversation

import (
	"testing"

	"parley/schemas"
)

func TestOutcomeStatus(t *testing.T) {
	t.Parallel()
	good, bad, withheld := ObjectOutcome{}, ObjectOutcome{Failed: true, Code: "NoSuchRow"}, ObjectOutcome{Withheld: true}
	tests := map[string]struct {
		outcome Outcome
		want    schemas.CallStatus
	}{
		"no results":              {Outcome{}, schemas.OK},
		"all good":                {Outcome{Results: []ObjectOutcome{good, good}}, schemas.OK},
		"the first failed":        {Outcome{Results: []ObjectOutcome{bad, good}}, schemas.HasErrors},
		"the last failed":         {Outcome{Results: []ObjectOutcome{good, bad}}, schemas.HasErrors},
		"the only failed":         {Outcome{Results: []ObjectOutcome{bad}}, schemas.Error},
		"all failed":              {Outcome{Results: []ObjectOutcome{bad, bad}}, schemas.Error},
		"withheld, others good":   {Outcome{Results: []ObjectOutcome{withheld, good}}, schemas.OK},
		"withheld, others failed": {Outcome{Results: []ObjectOutcome{bad, withheld}}, schemas.Error},
		"withheld, and both":      {Outcome{Results: []ObjectOutcome{bad, withheld, good}}, schemas.HasErrors},
		"all withheld":            {Outcome{Kind: Withheld}, schemas.Cancelled},
		"failed as whole":         {Outcome{Kind: Failed, Code: "NotAllowed"}, schemas.Error},
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
