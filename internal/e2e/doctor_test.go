//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"testing"

	"parley/internal/doctor"
	"parley/internal/e2e/kafka"
)

// say runs parley, which may fail, and returns what it prints as lines of JSON, and whether it succeeded.
func say[Line any](ctx context.Context, t *testing.T, args ...string) (lines []Line, succeeded bool) {
	t.Helper()
	cmd := exec.CommandContext(ctx, program, append(args, "--json")...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	for line := range bytes.Lines(out) {
		var l Line
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("%q: %v; %s", line, err, said.Bytes())
		}
		lines = append(lines, l)
	}
	return lines, err == nil
}

// examined is what doctor says of Kafka and the topics.
func examined(ctx context.Context, t *testing.T, flags ...string) map[doctor.Check]doctor.Verdict {
	t.Helper()
	found, _ := say[doctor.Finding](ctx, t, append([]string{"doctor", "--data-dir", t.TempDir()}, flags...)...)
	worst := make(map[doctor.Check]doctor.Verdict)
	for _, f := range found {
		worst[f.Check] = doctor.Report{f, {Verdict: worst[f.Check]}}.Worst()
		if f.Verdict != doctor.OK {
			t.Logf("%s: %s: %s", f.Verdict, f.Check, f)
		}
	}
	return worst
}

// doctor finds a healthy cluster well; then topics that were spoilt, which topics apply mends; then a broker that is away.
func TestSmokeDoctor(t *testing.T) {
	t.Parallel()
	ctx, c := deadline(t), cluster(t, kafka.Config{})
	at := []string{"--kafka-brokers", c.Addrs()[0]}
	with := func(verb ...string) []string { return slices.Concat(verb, at) }
	type step struct{ Topic string }
	check := func(when string, want map[doctor.Check]doctor.Verdict, flags ...string) {
		t.Helper()
		got := examined(ctx, t, append(slices.Clone(at), flags...)...)
		for name, v := range want {
			if got[name] != v {
				t.Errorf("%s, %s is %s, want %s", when, name, got[name], v)
			}
		}
	}
	for _, want := range []int{5, 0} {
		if steps, ok := say[step](ctx, t, with("topics", "apply", "--partitions", "8")...); !ok || len(steps) != want {
			t.Fatalf("apply takes the steps %v, want %d", steps, want)
		}
	}
	healthy := map[doctor.Check]doctor.Verdict{
		doctor.KafkaBrokers: doctor.OK, doctor.KafkaTimeouts: doctor.OK, doctor.KafkaAccess: doctor.OK, doctor.KafkaClock: doctor.OK, doctor.KafkaFeatures: doctor.OK,
		doctor.KafkaInternal: doctor.OK, doctor.TopicsThere: doctor.OK, doctor.TopicsDurable: doctor.OK, doctor.TopicsSettings: doctor.OK, doctor.TopicsInSync: doctor.OK, doctor.Producers: doctor.OK,
	}
	check("of topics that were applied", healthy)

	if steps, ok := say[step](ctx, t, with("topics", "apply", "--topic-prefix", "thin", "--replication", "1", "--partitions", "8")...); !ok || len(steps) != 5 {
		t.Fatalf("apply with one replica takes the steps %v", steps)
	}
	check("of one replica", map[doctor.Check]doctor.Verdict{doctor.TopicsDurable: doctor.Failure, doctor.TopicsSettings: doctor.Failure}, "--topic-prefix", "thin")
	for _, args := range [][]string{
		with("topics", "apply", "--topic-prefix", "thin", "--reassign"),
		with("topics", "plan", "--topic-prefix", "thin"),
	} {
		if _, ok := say[step](ctx, t, args...); !ok {
			t.Fatalf("%v fails", args)
		}
	}
	if err := c.InSync(ctx); err != nil {
		t.Fatal(err)
	}
	check("of replicas that were added", map[doctor.Check]doctor.Verdict{doctor.TopicsDurable: doctor.OK, doctor.TopicsSettings: doctor.OK, doctor.TopicsInSync: doctor.OK}, "--topic-prefix", "thin")

	check("of a long session", map[doctor.Check]doctor.Verdict{doctor.KafkaTimeouts: doctor.Failure}, "--session-timeout", "2h")
	if err := c.Kill(2); err != nil {
		t.Fatal(err)
	}
	for { // until the controller has missed it
		got := examined(ctx, t, at...)
		if got[doctor.TopicsInSync] == doctor.Warning {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("a broker was killed, and topics-in-sync is %s", got[doctor.TopicsInSync])
		}
	}
}
