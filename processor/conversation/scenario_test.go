package conversation

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"parley/schemas"
)

// TestScenarios tells the life of conversations in testdata/*.txt, for people to read. After each step comes the
// state, then what must be done. The commands:
//
//	conversation [part-timeout=5m]
//	call at=T                                   a call without a ConversationID
//	part seq=K of=N at=T [content=WORD] [problem=CODE]
//	answered seq=K at=T [objects=(OK,CODE,…)]   the backend answered, by default that all is well
//	failed seq=K at=T code=CODE                 it refused the call as a whole
//	no-answer seq=K at=T [retry-after=D]        nothing is known to be wrong with the call
//	time at=T                                   everything that was appended before T has been read
//	defect at=T                                 our own code failed on a record of the conversation
//
// What the backend says takes attempt=N (by default 1), fail-on=STATUS and max-attempts=N, too. A part is the same as
// another when seq, of and content are. go test ./processor/conversation -run Scenarios -rewrite writes the answers.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("find testdata/*.txt: %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			s := &scenario{contents: make(map[string]uint64)}
			datadriven.RunTest(t, file, s.run)
		})
	}
}

// scenario is one file.
type scenario struct {
	trial *trial
	// contents numbers what the calls of the file ask for.
	contents map[string]uint64
	offset   int64
}

// run carries out one command.
func (s *scenario) run(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	if d.Cmd == "conversation" {
		s.trial = newTrial(Rules{PartTimeout: duration(t, d, "part-timeout", 5*time.Minute)})
		return stateWords(s.trial.state)
	}
	if s.trial == nil {
		d.Fatalf(t, "a file begins with the command conversation")
	}
	effects := s.trial.step(t, s.input(t, d))
	return stateWords(s.trial.state) + "\n" + strings.TrimSuffix(effectsWords(effects), "\n")
}

func (s *scenario) input(t *testing.T, d *datadriven.TestData) Input {
	t.Helper()
	at := instant(t, d)
	switch d.Cmd {
	case "call":
		return s.part(PartReceived{At: at, Single: true, SequenceCode: 1, Calls: 1}, "")
	case "part":
		in := PartReceived{At: at, SequenceCode: number(t, d, "seq", 0), Calls: number(t, d, "of", 0)}
		if code := word(t, d, "problem", ""); code != "" {
			in.Problem = &schemas.Problem{Code: schemas.Code(code), Pointer: "/objects", Detail: "as validation says"}
		}
		return s.part(in, word(t, d, "content", ""))
	case "answered", "failed", "no-answer":
		return OutcomeReceived{
			SequenceCode: number(t, d, "seq", 0),
			Attempt:      number(t, d, "attempt", 1),
			StartedAt:    at.Add(-time.Second),
			At:           at,
			Outcome:      outcome(t, d),
			FailOn:       schemas.FailOn(word(t, d, "fail-on", "")),
			Retry:        Retry{Initial: 200 * time.Millisecond, Max: 30 * time.Second, MaxAttempts: number(t, d, "max-attempts", 0)},
		}
	case "time":
		return TimerDue{At: at}
	case "defect":
		return DecisionFailed{At: at, Reason: "the reason"}
	}
	d.Fatalf(t, "there is no command %q", d.Cmd)
	return nil
}

// part completes a call with its content and with what the shell knows of it.
func (s *scenario) part(in PartReceived, content string) PartReceived {
	key := fmt.Sprintf("%d of %d: %s", in.SequenceCode, in.Calls, content)
	if s.contents[key] == 0 {
		s.contents[key] = uint64(len(s.contents)) + 1
	}
	s.offset++
	in.Content, in.Offset = s.contents[key], s.offset
	return s.trial.known(in)
}

func outcome(t *testing.T, d *datadriven.TestData) Outcome {
	t.Helper()
	switch d.Cmd {
	case "failed":
		return Outcome{Kind: Failed, Code: schemas.Code(word(t, d, "code", "")), Message: "as the backend says"}
	case "no-answer":
		return Outcome{Kind: Transient, Code: "Unreachable", Message: "no connection", RetryAfter: duration(t, d, "retry-after", 0)}
	}
	var o Outcome
	objects, _ := d.Arg("objects")
	for _, said := range objects.Vals {
		result := ObjectOutcome{}
		if said != "OK" {
			result = ObjectOutcome{Failed: true, Code: schemas.Code(said), Message: "as the backend says"}
		}
		o.Results = append(o.Results, result)
	}
	return o
}

func instant(t *testing.T, d *datadriven.TestData) time.Time {
	t.Helper()
	at, err := time.Parse(time.TimeOnly, word(t, d, "at", ""))
	if err != nil {
		d.Fatalf(t, "at: %v", err)
	}
	return at.AddDate(2026, 0, 0)
}

func word(t *testing.T, d *datadriven.TestData, key, absent string) string {
	t.Helper()
	d.MaybeScanArgs(t, key, &absent)
	return absent
}

func duration(t *testing.T, d *datadriven.TestData, key string, absent time.Duration) time.Duration {
	t.Helper()
	d.MaybeScanArgs(t, key, &absent)
	return absent
}

func number(t *testing.T, d *datadriven.TestData, key string, absent int) int32 {
	t.Helper()
	d.MaybeScanArgs(t, key, &absent)
	return int32(absent)
}
