//go:build e2e

package e2e_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// scenarios are the tests of a package that run on a real cluster, too: all of them but those that cannot.
type scenarios struct {
	// pkg is a package of ours.
	pkg string
	// without are the names of tests, or TEST/SUBTEST, that are left out, by the reason.
	without map[reason][]string
}

// reason is why a test is about the broker in memory alone.
type reason string

const (
	// hooks: it has the broker refuse, cut or delay a request that it chooses, or looks into it. What a real broker does of
	// that kind is in faults_test.go.
	hooks reason = "controls the broker in memory"
	// past: it needs records from the past. A real broker says itself what time it is.
	past reason = "writes records of another time"
	// engines: it is about the engines that serve runs itself.
	engines reason = "is about the embedded engines"
	// alone: it needs no broker.
	alone reason = "needs no broker"
	// itself: it starts a broker in memory, or the embedded one, of its own.
	itself reason = "has a broker of its own"
	// elsewhere: it is done on real clusters by another test of this package.
	elsewhere reason = "is among these tests already"
)

// suite is the embedded suite, as far as a broker of Kafka has a part in it.
var suite = []scenarios{
	{"parley/internal/cli", map[reason][]string{
		engines:   {"TestScripts/engineport", "TestScripts/folder", "TestScripts/tls"},
		alone:     {"TestScripts/acls", "TestScripts/help", "TestScripts/schema", "TestScripts/settings"},
		elsewhere: {"TestDemo", "TestScripts/doctor", "TestTorture"},
	}},
	{"parley/internal/cli/node", map[reason][]string{
		hooks: {"TestTooFewBrokers"}, // it is one
	}},
	{"parley/processor", map[reason][]string{
		hooks: {
			"TestAttemptThatMayBeMadeAgainHoldsWhatFollows", "TestAttemptsOfAnAbortedTurnAreRepeated", "TestCancelThatIsAborted", "TestEndOfTransactionThatIsNotHeard",
			"TestErasureSurvivesAbortedTurns", "TestIntentIsCommittedBeforeTheCall", "TestNewOwnerWaitsForTheLastTransactionOfTheFormer",
			"TestOrderlyEndRecordsWhatWasUnderWay", "TestRecordsThatComeTooEarlyAreTriedAgainSoon",
			"TestRefusedCancelLeavesTheNextPartInItsQueue", "TestRequestIsVisibleOnce", "TestTopicThatRefusesARecord", "TestWholeConversationInOneTransaction",
		},
		itself: {
			"TestIntentWithoutALeaseBeginsNothing", "TestLeaseEndsBeforeTheSessionDoes", "TestLeaseEndsWithTheMembership",
			"TestLeaseIsMeasuredByBothClocks", "TestLeaseLastsThroughARebalanceButNotForEver", "TestLongestCalls",
			"TestNothingBeginsWithoutALease", "TestRebalanceGivesNoLease",
		},
		past: {"TestAnswerIsForgottenWhenItsTokenExpires", "TestTimersThatOneTurnSetsAndPasses"},
	}},
	{"parley/results/subscriber", map[reason][]string{
		alone: {"TestAcknowledge", "TestBlock", "TestWants"},
	}},
}

// TestSuite runs the embedded suite on a real cluster: the same tests, each with topics of its own (testkit.StartKafka).
func TestSuite(t *testing.T) {
	for _, s := range suite {
		t.Run(strings.TrimPrefix(s.pkg, "parley/"), s.run)
	}
}

func (s scenarios) run(t *testing.T) {
	began := time.Now()
	ran, err := s.test(t)
	t.Logf("%d tests in %s", ran, time.Since(began).Round(time.Second))
	if err != nil {
		t.Error(err)
	}
	if ran == 0 {
		t.Error("no test ran")
	}
}

// parallel is how many tests of a package run at once: they share three small brokers.
const parallel = "4"

// test runs the tests of the package, and returns how many there were.
func (s scenarios) test(t *testing.T) (ran int, err error) {
	if err := s.known(t); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(deadline(t), "go", "test", "-json", "-count=1", "-parallel", parallel, "-timeout", patience.String(), "-skip", s.skip(), s.pkg)
	cmd.Env = append(os.Environ(), "PARLEY_TEST_KAFKA_BROKERS="+strings.Join(shared.Addrs(), ","))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	var failing strings.Builder
	cmd.Stderr = &failing
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ran, err = s.follow(t, out)
	if ended := cmd.Wait(); ended != nil {
		err = errors.Join(err, fmt.Errorf("go test %s: %w: %s", s.pkg, ended, failing.String()))
	}
	return ran, err
}

// skip is a pattern for go test: of names, and of names of subtests.
func (s scenarios) skip() string {
	var names []string
	for _, left := range s.without {
		for _, name := range left {
			test, sub, _ := strings.Cut(name, "/")
			pattern := "^" + test + "$"
			if sub != "" {
				pattern += "/^" + sub + "$"
			}
			names = append(names, pattern)
		}
	}
	slices.Sort(names)
	return strings.Join(names, "|")
}

// known is an error when a test that is left out is not there: then the list is old.
func (s scenarios) known(t *testing.T) error {
	out, err := exec.CommandContext(deadline(t), "go", "test", "-list", ".", s.pkg).Output()
	if err != nil {
		return fmt.Errorf("list tests of %s: %w: %s", s.pkg, err, out)
	}
	there := strings.Fields(string(out))
	var errs []error
	for why, left := range s.without {
		for _, name := range left {
			if test, _, _ := strings.Cut(name, "/"); !slices.Contains(there, test) {
				errs = append(errs, fmt.Errorf("%s has no test %s, which is left out as it %s", s.pkg, name, why))
			}
		}
	}
	return errors.Join(errs...)
}

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Test, Output string
}

// topLevel are tests that have begun, not their subtests, fuzz targets or examples.
var topLevel = regexp.MustCompile(`^Test[^/]*$`)

// follow reads what the tests say, logs the output of those that fail, and counts those that passed.
func (s scenarios) follow(t *testing.T, out io.Reader) (passed int, err error) {
	said := make(map[string]*strings.Builder)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return passed, fmt.Errorf("read go test: %w: %s", err, lines.Bytes())
		}
		switch e.Action {
		case "output":
			if said[e.Test] == nil {
				said[e.Test] = new(strings.Builder)
			}
			said[e.Test].WriteString(e.Output)
		case "pass":
			if topLevel.MatchString(e.Test) {
				passed++
			}
			delete(said, e.Test)
		case "fail":
			if b := said[e.Test]; b != nil {
				t.Logf("%s fails:\n%s", e.Test, tail(b.String()))
			}
		}
	}
	return passed, lines.Err()
}

// tailMax bounds what is shown of a test that fails, in bytes.
const tailMax = 20_000

func tail(text string) string { return text[max(0, len(text)-tailMax):] }
