package conversation

import "testing"

type strangeInput struct{}

func (strangeInput) input() {}

func TestStepRefusesUnknownInputs(t *testing.T) {
	t.Parallel()
	for _, in := range []Input{nil, strangeInput{}} {
		s, effects, err := Rules{}.Step(State{Phase: Staging, Calls: 2}, in)
		if err == nil || len(effects) > 0 || s.Phase != Staging || s.Calls != 2 {
			t.Errorf("Step(%T) = %s, %v, %v; want the state as it was and an error", in, stateWords(s), effects, err)
		}
	}
}

func TestPhaseWords(t *testing.T) {
	t.Parallel()
	for phase, want := range map[Phase]string{New: "New", Staging: "Staging", Processing: "Processing", Ended: "Ended"} {
		if got := phase.String(); got != want {
			t.Errorf("Phase(%d) = %q, want %q", phase, got, want)
		}
	}
}
