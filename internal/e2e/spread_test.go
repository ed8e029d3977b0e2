//go:build e2e

package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"parley/internal/cli/torture"
)

// faults are what runs under load have shown: the lines of the fault table.
var faults []torture.Report

// writeFaults writes the fault table, if there is one.
func writeFaults(w io.Writer) error {
	if len(faults) == 0 {
		return nil
	}
	return torture.WriteTable(w, faults)
}

// recoveryMax is how long after a blow to its owner a partition may stand still, on a machine that is busy with other
// things. The fault table says how long it was; the aim is 30 seconds.
const recoveryMax = 2 * time.Minute

// endure sends a Parley calls of all kinds, has it endure what is done meanwhile, and a receiver of callbacks that is dead for a
// while, and holds all records against each other. It adds a line to the fault table. Tests that call it are not parallel: how long things take is measured.
func endure(t *testing.T, cfg torture.Config) {
	t.Helper()
	var said bytes.Buffer
	cfg.Program, cfg.Out, cfg.Brokers = program, &said, shared.Addrs()
	cfg.Seed, cfg.Rate, cfg.Load, cfg.Drain, cfg.Session = 1, 60, 25*time.Second, 3*time.Minute, 6*time.Second
	cfg.Blows = append(cfg.Blows, torture.Blow{Victim: torture.VictimReceiver, Kind: torture.Dead, At: 3 * time.Second, Lasts: 4 * time.Second})
	report, err := torture.Run(deadline(t), cfg)
	if err == nil || errors.Is(err, torture.ErrFailed) {
		faults = append(faults, report)
	}
	for _, r := range report.Recoveries {
		if r.Progressed < r.Partitions || r.Slowest > recoveryMax {
			err = errors.Join(err, fmt.Errorf("of the %d partitions of %s, %s, %d went on, the last after %s", r.Partitions, r.Victim, r.Kind, r.Progressed, r.Slowest))
		}
	}
	if err != nil {
		t.Errorf("%v\n%s", err, said.Bytes())
	}
}

// What a process that ends by kill -9 had, others go on with; one that is back at once, goes on with itself.
func TestKilled(t *testing.T) {
	endure(t, torture.Config{Name: "kill -9", Blows: []torture.Blow{
		{Victim: "member-2", Kind: torture.Killed, At: 5 * time.Second, Lasts: 11 * time.Second},
		{Victim: "member-3", Kind: torture.Killed, At: 22 * time.Second},
	}})
}

// Each role is a process of its own; more come, and go again, under load.
func TestScaled(t *testing.T) {
	endure(t, torture.Config{
		Name: "roles apart, out and in",
		Members: []torture.Member{
			{Name: "ingest-1", Roles: "ingest"},
			{Name: "processor-1", Roles: "processor"},
			{Name: "results-1", Roles: "results"},
			{Name: "processor-2", Roles: "processor", Joins: 4 * time.Second, Leaves: 16 * time.Second},
			{Name: "everything-1", Roles: "ingest,processor,results", Joins: 8 * time.Second, Leaves: 20 * time.Second},
		},
		Blows: []torture.Blow{
			{Victim: "results-1", Kind: torture.Killed, At: 6 * time.Second, Lasts: time.Second},
			{Victim: "ingest-1", Kind: torture.Killed, At: 12 * time.Second, Lasts: time.Second},
			{Victim: "processor-1", Kind: torture.Stopped, At: 22 * time.Second, Lasts: time.Second},
		},
	})
}

// Who sleeps until others have its work does no harm when it wakes, and who is far away none at all.
func TestFrozen(t *testing.T) {
	endure(t, torture.Config{Name: "SIGSTOP", Blows: []torture.Blow{
		{Victim: "member-1", Kind: torture.Far, At: time.Second, Lasts: 7 * time.Second},
		{Victim: "member-2", Kind: torture.Frozen, At: 9 * time.Second, Lasts: 13 * time.Second},
	}})
}

// Who hears nothing from the brokers any more, and is not told why, begins nothing when its lease is over.
func TestSilent(t *testing.T) {
	endure(t, torture.Config{Name: "silence", Blows: []torture.Blow{
		{Victim: "member-1", Kind: torture.CutFromPeers, At: 2 * time.Second, Lasts: 5 * time.Second},
		{Victim: "member-2", Kind: torture.Silenced, At: 9 * time.Second, Lasts: 13 * time.Second},
	}})
}

// Who is cut off from all brokers, or from the one that leads the group.
func TestCutOff(t *testing.T) {
	endure(t, torture.Config{Name: "cut off", Blows: []torture.Blow{
		{Victim: "member-2", Kind: torture.CutOff, At: 2 * time.Second, Lasts: 10 * time.Second},
		{Victim: "member-3", Kind: torture.CutFromCoordinator, At: 20 * time.Second, Lasts: 10 * time.Second},
	}})
}
