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
//	conversation [part-timeout=5m] [keep-failed=D] [keep-single=D] [keep-conversation=D]
//	call at=T                                   a call without a ConversationID
//	part seq=K of=N at=T [content=WORD] [problem=CODE] [priority=High|Low] [start-by=T] [scheduled=T]
//	begun seq=K at=T lost-at=T                  an attempt that must not be repeated has its place on the route
//	lost seq=K at=T                             it is not known what came of it
//	answered seq=K at=T [objects=(OK,CODE,…)]   the backend answered, by default that all is well; withheld: of an object not
//	failed seq=K at=T code=CODE                 it refused the call as a whole
//	no-answer seq=K at=T [retry-after=D]        nothing is known to be wrong with the call
//	          [unsent]                          ... and it is proven that nothing was handed over
//	deferred seq=K at=T answer-by=T             it will answer later
//	withheld seq=K at=T                         nothing is left of the call's objects: there was no attempt
//	answer seq=K at=T [objects=(…)] [code=CODE] that answer, by default that all is well
//	progress seq=K processed=N                  so far it has processed as many objects
//	cancel at=T [executing]
//	resubmit as=ID [include-failed]
//	time at=T                                   everything that was appended before T has been read
//	clock at=T [executing]                      it is T by the owner's clock
//	defect at=T                                 our own code failed on a record of the conversation
//
// An attempt takes attempt=N (by default 1); what ends a part takes fail-on=STATUS, and what has no answer takes
// max-attempts=N. T is a time of the first day, or d8/10:00:00 of the eighth. A conversation keeps nothing unless it
// says for how long. A part is the same as another when seq, of and content are.
// go test ./processor/conversation -run Scenarios -rewrite writes the answers.
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
	// scheduled is when the parts of the conversation may begin.
	scheduled map[int32]time.Time
	offset    int64
}

// run carries out one command.
func (s *scenario) run(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	if d.Cmd == "conversation" {
		s.scheduled = make(map[int32]time.Time)
		s.trial = newTrial(Rules{
			PartTimeout:      duration(t, d, "part-timeout", 5*time.Minute),
			KeepFailed:       duration(t, d, "keep-failed", 0),
			KeepSingle:       duration(t, d, "keep-single", 0),
			KeepConversation: duration(t, d, "keep-conversation", 0),
		})
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
	k, attempt, at := number(t, d, "seq", 1), number(t, d, "attempt", 1), instant(t, d, "at")
	ending := Ending{FailOn: schemas.FailOn(word(t, d, "fail-on", "")), Following: s.next(k + 1)}
	switch d.Cmd {
	case "call":
		return s.part(t, d, PartReceived{At: at, Single: true, SequenceCode: 1, Calls: 1})
	case "part":
		return s.part(t, d, PartReceived{At: at, SequenceCode: k, Calls: number(t, d, "of", 0)})
	case "begun":
		return AttemptBegun{SequenceCode: k, Attempt: attempt, At: at, LostAt: instant(t, d, "lost-at")}
	case "lost":
		return AttemptLost{SequenceCode: k, Attempt: attempt, At: at, Ending: ending}
	case "answered", "failed", "no-answer", "deferred", "withheld":
		return OutcomeReceived{
			SequenceCode: k,
			Attempt:      attempt,
			StartedAt:    at.Add(-time.Second),
			At:           at,
			Outcome:      outcome(t, d),
			Retry:        Retry{Initial: 200 * time.Millisecond, Max: 30 * time.Second, MaxAttempts: number(t, d, "max-attempts", 0)},
			AnswerBy:     instant(t, d, "answer-by"),
			Ending:       ending,
		}
	case "answer":
		return AnswerReceived{SequenceCode: k, At: at, Outcome: outcome(t, d), Ending: ending}
	case "progress":
		return ProgressReceived{SequenceCode: k, Processed: number(t, d, "processed", 0)}
	case "cancel":
		return CancelRequested{At: at, Begun: d.HasArg("executing")}
	case "resubmit":
		return ResubmitRequested{As: word(t, d, "as", ""), IncludeFailed: d.HasArg("include-failed")}
	case "time":
		return TimerDue{At: at, Ending: ending}
	case "clock":
		return ClockDue{At: at, Begun: d.HasArg("executing")}
	case "defect":
		return DecisionFailed{At: at, Reason: "the reason"}
	}
	d.Fatalf(t, "there is no command %q", d.Cmd)
	return nil
}

// next is what the shell knows of a part whose turn comes.
func (s *scenario) next(sequenceCode int32) Next {
	return Next{Route: "crm", ScheduledAt: s.scheduled[sequenceCode]}
}

// part completes a call with its options and content, and with what the shell knows of it.
func (s *scenario) part(t *testing.T, d *datadriven.TestData, in PartReceived) PartReceived {
	t.Helper()
	if code := word(t, d, "problem", ""); code != "" {
		in.Problem = &schemas.Problem{Code: schemas.Code(code), Pointer: "/objects", Detail: "as validation says"}
	}
	in.Priority = map[string]schemas.Priority{"": schemas.Medium, "High": schemas.High, "Foremost": schemas.Foremost, "Low": schemas.Low}[word(t, d, "priority", "")]
	in.StartBy = instant(t, d, "start-by")
	if scheduled := instant(t, d, "scheduled"); !scheduled.IsZero() {
		s.scheduled[in.SequenceCode], in.Scheduled = scheduled, true
	}
	key := fmt.Sprintf("%d of %d: %s", in.SequenceCode, in.Calls, word(t, d, "content", ""))
	if s.contents[key] == 0 {
		s.contents[key] = uint64(len(s.contents)) + 1
	}
	s.offset++
	in.Content, in.Offset, in.First = s.contents[key], s.offset, s.next(1)
	return s.trial.known(in)
}

func outcome(t *testing.T, d *datadriven.TestData) Outcome {
	t.Helper()
	code := schemas.Code(word(t, d, "code", ""))
	switch {
	case d.Cmd == "deferred":
		return Outcome{Kind: Deferred}
	case d.Cmd == "withheld":
		return Outcome{Kind: Withheld}
	case d.Cmd == "no-answer":
		return Outcome{
			Kind:       Transient,
			Code:       "Unreachable",
			Message:    "no connection",
			RetryAfter: duration(t, d, "retry-after", 0),
			Unsent:     d.HasArg("unsent"),
		}
	case code != "":
		return Outcome{Kind: Failed, Code: code, Message: "as the backend says"}
	}
	var o Outcome
	objects, _ := d.Arg("objects")
	for _, said := range objects.Vals {
		result := ObjectOutcome{Withheld: said == "withheld"}
		if said != "OK" && !result.Withheld {
			result = ObjectOutcome{Failed: true, Code: schemas.Code(said), Message: "as the backend says"}
		}
		o.Results = append(o.Results, result)
	}
	return o
}

// instant is the time that a key says; zero: it says none.
func instant(t *testing.T, d *datadriven.TestData, key string) time.Time {
	t.Helper()
	said := word(t, d, key, "")
	if said == "" {
		return time.Time{}
	}
	if !strings.Contains(said, "/") {
		said = "d1/" + said
	}
	at, err := time.Parse("2006 d2/15:04:05", "2026 "+said)
	if err != nil {
		d.Fatalf(t, "%s: %v", key, err)
	}
	return at
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
