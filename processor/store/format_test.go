package store

import (
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/processor/conversation"
	"parley/schemas"
)

// changelog reads records as their partition's changelog had them: a line each, key and value in base64, "-" for a
// deletion; an empty line ends a turn.
func changelog(t *testing.T, file string) []Change {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []Change
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		var c Change
		if c.Key, err = base64.StdEncoding.DecodeString(key); err == nil && value != "-" {
			c.Value, err = base64.StdEncoding.DecodeString(value)
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// compacted is what may be left of a changelog: the last record of each key.
func compacted(changes []Change) []Change {
	var out []Change
	for i, c := range changes {
		if !slices.ContainsFunc(changes[i+1:], func(later Change) bool { return string(later.Key) == string(c.Key) }) {
			out = append(out, c)
		}
	}
	return out
}

// TestChangelogOfTheFirstVersion reads what was written before routes, priorities and schedules were a part of the state,
// and the parts that have arrived were in the record of their conversation.
func TestChangelogOfTheFirstVersion(t *testing.T) {
	t.Parallel()
	all := changelog(t, "testdata/changelog-before-routes.txt")
	for name, changes := range map[string][]Change{"whole": all, "compacted": compacted(all)} {
		for _, size := range []int{1, 5, len(changes)} {
			t.Run(fmt.Sprintf("%s, %d at a time", name, size), func(t *testing.T) {
				t.Parallel()
				s := newStore(t)
				for batch := range slices.Chunk(changes, size) {
					if err := s.Restore(1, batch, Applied{Changelog: 1}); err != nil {
						t.Fatal(err)
					}
				}
				isOfTheFirstVersion(t, s)
			})
		}
	}
}

func isOfTheFirstVersion(t *testing.T, s *Store) {
	t.Helper()
	at := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	id := func(n int64) schemas.RequestID { return schemas.LogRequestID("acme", 1, n) }
	single := schemas.NewConversationKey("acme", "", id(7))
	states := map[schemas.ConversationKey]conversation.State{
		keyOf("staging"): {Phase: conversation.Staging, Calls: 3, Received: conversation.Parts{0b101}, Deadline: at.Add(6 * time.Minute), AcceptedAt: at},
		keyOf("queued"): {
			Phase: conversation.Processing, Calls: 2, Received: conversation.All(2), AcceptedAt: at, Ready: 7,
			Turn: conversation.Turn{SequenceCode: 1, Attempt: 1},
		},
		keyOf("retrying"): {
			Phase: conversation.Processing, Calls: 2, Received: conversation.All(2), AcceptedAt: at, StartedAt: at.Add(time.Second),
			Ready: 9, Processed: 1, Errors: 1, Turn: conversation.Turn{SequenceCode: 2, Attempt: 3, NotBefore: at.Add(time.Minute)},
		},
		single: {
			Phase: conversation.Processing, Single: true, Calls: 1, Received: conversation.All(1), AcceptedAt: at, Ready: 10,
			Turn: conversation.Turn{SequenceCode: 1, Attempt: 1},
		},
		keyOf("complete"): {Phase: conversation.Ended, Calls: 2, End: schemas.ConversationComplete},
		keyOf("failed"):   {Phase: conversation.Ended, Calls: 3, End: schemas.ConversationError},
	}
	for key, want := range states {
		got, err := s.Conversation(1, key)
		if diff := fmt.Sprintf("%+v", got); err != nil || diff != fmt.Sprintf("%+v", want) {
			t.Errorf("conversation %q is %s, %v, want %+v", key, diff, err, want)
		}
	}
	tx := s.Begin(1, Meta{})
	for _, held := range []struct {
		key          schemas.ConversationKey
		sequenceCode int32
		content      uint64
	}{{keyOf("staging"), 1, 102}, {keyOf("staging"), 2, 0}, {keyOf("staging"), 3, 101}, {keyOf("complete"), 2, 109}, {keyOf("failed"), 2, 110}, {keyOf("failed"), 3, 0}} {
		if got, err := tx.Content(held.key, held.sequenceCode); err != nil || got != held.content {
			t.Errorf("content of part %d of %q is %d, %v, want %d", held.sequenceCode, held.key, got, err, held.content)
		}
	}
	call, err := tx.Call(keyOf("retrying"), 2, nil)
	if err != nil || call.Objects[0].CorrelationId != "retrying-2" {
		t.Errorf("the call in turn is %v, %v", call, err)
	}
	for n, want := range map[int64]string{
		1: "staging 3", 6: "retrying 2", 8: "", 100: "complete 2 rejected", 101: "queued 1",
	} {
		ref, known, err := tx.Reference(id(n))
		got := ""
		if known {
			_, of, _ := ref.Conversation.Split()
			got = fmt.Sprint(of, " ", ref.SequenceCode)
		}
		if ref.Rejected {
			got += " rejected"
		}
		if err != nil || got != want {
			t.Errorf("request %d is %q, %v, want %q", n, got, err, want)
		}
	}
	meta, err := s.Meta(1)
	if err != nil || meta.NextOffset != 8 || meta.Accepted != 12 || meta.Resent != 1 || meta.Open != 7 || meta.Rejected() != 1 || !meta.LogTime.Equal(at) {
		t.Errorf("partition: %+v, %v", meta, err)
	}
	inIndexes(t, s, single, at)
}

// inIndexes checks that what waits is found: by a class without a route, which takes it to the route of its call.
func inIndexes(t *testing.T, s *Store, single schemas.ConversationKey, at time.Time) {
	t.Helper()
	queue, err := s.Queue(1, Class{Account: "acme"}, Queued{}, 10)
	if want := []Queued{{7, keyOf("queued")}, {10, single}}; err != nil || !slices.Equal(queue, want) {
		t.Errorf("the queue is %v, %v, want %v", queue, err, want)
	}
	delayed, err := s.Delayed(1, Timer{}, 10)
	if want := []Timer{{at.Add(time.Minute), keyOf("retrying")}}; err != nil || !slices.Equal(delayed, want) {
		t.Errorf("delayed are %v, %v, want %v", delayed, err, want)
	}
	timers, err := s.Timers(1, time.Time{}, 10)
	if want := []Timer{{at.Add(6 * time.Minute), keyOf("staging")}}; err != nil || !slices.Equal(timers, want) {
		t.Errorf("timers are %v, %v, want %v", timers, err, want)
	}
}
