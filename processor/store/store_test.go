package store

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/proto"

	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// newStore returns an empty store that is closed at the end of the test.
func newStore(t *testing.T) *Store {
	t.Helper()
	s := openOn(t, vfs.NewMem())
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func keyOf(id string) schemas.ConversationKey {
	return schemas.NewConversationKey("acme", id, schemas.RequestID{})
}

func idOf(n int64) schemas.RequestID { return schemas.LogRequestID("acme", 0, n) }

// apply applies a turn on partition 0, and returns what it adds to the changelog.
func apply(t *testing.T, tx *Tx, applied Applied, resultsOffsets ...int64) []Change {
	t.Helper()
	changes, err := tx.Changes()
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Apply(applied, resultsOffsets); err != nil {
		t.Fatal(err)
	}
	return changes
}

// stage puts a conversation of so many parts, all of them there, into a turn.
func stage(t *testing.T, tx *Tx, key schemas.ConversationKey, calls int32) conversation.State {
	t.Helper()
	if _, err := tx.Conversation(key); err != nil {
		t.Fatal(err)
	}
	s := conversation.State{Phase: conversation.Processing, Calls: calls, Ready: 9, Turn: conversation.Turn{SequenceCode: 1, Attempt: 1}}
	for k := range calls {
		s.Received = s.Received.With(k + 1)
		tx.PutPart(key, k+1, Part{RequestID: idOf(int64(k) + 1), Content: uint64(k) + 1, Call: []byte("call")})
	}
	tx.SetConversation(key, s)
	return s
}

// end ends a conversation with an event for each part and one for itself.
func end(t *testing.T, tx *Tx, key schemas.ConversationKey, s conversation.State) {
	t.Helper()
	if _, err := tx.Conversation(key); err != nil {
		t.Fatal(err)
	}
	for k := range s.Calls {
		finish(t, tx, callEnded(key, k+1, idOf(int64(k)+1), schemas.OK))
	}
	s.Phase, s.End = conversation.Ended, schemas.ConversationComplete
	tx.SetConversation(key, s)
	if err := tx.EndConversation(key); err != nil {
		t.Fatal(err)
	}
	account, id, _ := key.Split()
	finish(t, tx, &parleyv1.ResultEvent{Account: account, Event: &parleyv1.ResultEvent_Conversation{Conversation: &parleyv1.ConversationEvent{ConversationId: id}}})
}

func finish(t *testing.T, tx *Tx, e *parleyv1.ResultEvent) {
	t.Helper()
	raw, err := proto.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	tx.Finish(e, raw)
}

func TestTurnSeesItsOwnWritesAndNobodyElseDoes(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	key := keyOf("order")
	tx := s.Begin(0, Meta{})
	stage(t, tx, key, 2)
	if p, err := tx.Part(key, 2); err != nil || p.RequestID != idOf(2) {
		t.Errorf("part 2: %+v, %v", p, err)
	}
	if ref, ok, err := tx.Reference(idOf(2)); err != nil || !ok || ref.SequenceCode != 2 || ref.First != idOf(2) {
		t.Errorf("reference: %+v, %t, %v, want part 2 itself", ref, ok, err)
	}
	if c, err := tx.Content(key, 2); err != nil || c != 2 {
		t.Errorf("content %d, %v, want 2", c, err)
	}
	if got := dumpOf(t, s); len(got) > 0 {
		t.Errorf("before Apply the store holds %v", got)
	}
	if _, err := tx.Part(key, 3); err == nil {
		t.Error("there is a part 3")
	}
}

// dumpOf is all that a store holds of partition 0.
func dumpOf(t *testing.T, s *Store) []string {
	t.Helper()
	var out []string
	err := scan(s.db, prefix(0, 0), prefix(1, 0), func(k, _ []byte) (bool, error) {
		out = append(out, fmt.Sprintf("%q", k))
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestResendIsRecordedAsTheFirst asks under which request id a part is recorded: while it waits, in the turn that ends
// its conversation, and after that.
func TestResendIsRecordedAsTheFirst(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	key := keyOf("order")
	tx := s.Begin(0, Meta{})
	state := stage(t, tx, key, 2)
	recordedAs(t, tx, key, "in the turn of its arrival")
	apply(t, tx, Applied{})
	tx = s.Begin(0, Meta{})
	recordedAs(t, tx, key, "in a later turn")
	end(t, tx, key, state)
	recordedAs(t, tx, key, "in the turn of its end")
	apply(t, tx, Applied{}, 0, 1, 2)
	recordedAs(t, s.Begin(0, Meta{}), key, "after its end")
}

func recordedAs(t *testing.T, tx *Tx, key schemas.ConversationKey, when string) {
	t.Helper()
	if id, err := tx.RecordedAs(key, 2); err != nil || id != idOf(2) {
		t.Errorf("%s, part 2 is recorded as %s, %v, want %s", when, id, err, idOf(2))
	}
}

func TestMarkerIsSmall(t *testing.T) {
	t.Parallel()
	for calls := int32(1); calls <= 5; calls++ {
		for _, status := range []schemas.ConversationStatus{schemas.ConversationComplete, schemas.ConversationError, schemas.ConversationCancelled, schemas.ConversationExpired} {
			s := newStore(t)
			key := keyOf("12345678901234567890")
			tx := s.Begin(0, Meta{})
			state := stage(t, tx, key, calls)
			apply(t, tx, Applied{})
			tx = s.Begin(0, Meta{})
			state.Code, state.Message, state.Processed, state.Errors = schemas.CallFailed, "not in the marker", 3, 2
			if _, err := tx.Conversation(key); err != nil {
				t.Fatal(err)
			}
			state.Phase, state.End = conversation.Ended, status
			tx.SetConversation(key, state)
			if err := tx.EndConversation(key); err != nil {
				t.Fatal(err)
			}
			apply(t, tx, Applied{})
			k := conversationKey(0, key)
			v, err := get(s.db, k)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(k) + len(v); n >= 100 {
				t.Errorf("%d parts, %s: the marker has %d bytes, want less than 100", calls, status, n)
			}
			for k := range calls {
				if c, err := s.Begin(0, Meta{}).Content(key, k+1); err != nil || c != uint64(k)+1 {
					t.Errorf("content of part %d of %d: %d, %v", k+1, calls, c, err)
				}
			}
		}
	}
}

// events is a store with four calls that have ended, their events at offsets 10, 20, 30 and 40, a minute apart.
func events(t *testing.T) *Store {
	t.Helper()
	s := newStore(t)
	for i := range 4 {
		tx := s.Begin(0, Meta{})
		id := idOf(int64(i))
		finish(t, tx, callEnded(schemas.NewConversationKey("acme", "", id), 1, id, schemas.OK))
		apply(t, tx, Applied{At: epoch.Add(time.Duration(i) * time.Minute)}, int64(i+1)*10)
	}
	return s
}

func TestPurge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		sunk   int64
		before time.Duration
		limit  int
		want   int
	}{
		{"nothing is sunk", 0, time.Hour, 100, 0},
		{"up to, not with, the sunk offset", 20, time.Hour, 100, 1},
		{"all that is sunk", 41, time.Hour, 100, 4},
		{"nothing is old", 41, 0, 100, 0},
		{"old only", 41, 90 * time.Second, 100, 2},
		{"limit", 41, time.Hour, 3, 3},
		{"no limit left", 41, time.Hour, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := events(t)
			n, err := s.Purge(0, tt.sunk, epoch.Add(tt.before), tt.limit)
			if err != nil || n != tt.want {
				t.Errorf("purged %d, %v, want %d", n, err, tt.want)
			}
			v := s.View(0)
			defer v.Close()
			for i := range 4 {
				e, err := v.Finished(idOf(int64(i)))
				if err != nil || (e != nil) != (i >= tt.want) {
					t.Errorf("event %d is there: %t, %v", i, e != nil, err)
				}
			}
		})
	}
}

// TestPurgeKeepsThePartsOfAnOpenConversation: a conversation may wait for days between two of its parts.
func TestPurgeKeepsThePartsOfAnOpenConversation(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	key := keyOf("order")
	tx := s.Begin(0, Meta{})
	stage(t, tx, key, 3)
	finish(t, tx, callEnded(key, 1, idOf(1), schemas.OK))
	apply(t, tx, Applied{At: epoch}, 0)
	if n, err := s.Purge(0, 100, epoch.Add(time.Hour), 100); err != nil || n != 0 {
		t.Errorf("purged %d, %v, want nothing", n, err)
	}
	v := s.View(0)
	defer v.Close()
	if e, err := v.Finished(idOf(1)); err != nil || e == nil {
		t.Errorf("the event of part 1 is gone: %v", err)
	}
}

func TestPurgeLeavesTheMarkerOnly(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	key := keyOf("order")
	tx := s.Begin(0, Meta{})
	state := stage(t, tx, key, 3)
	apply(t, tx, Applied{})
	tx = s.Begin(0, Meta{})
	end(t, tx, key, state)
	apply(t, tx, Applied{At: epoch}, 0, 1, 2, 3)
	if n, err := s.Purge(0, 4, epoch.Add(time.Hour), 100); err != nil || n != 1 {
		t.Errorf("purged %d, %v, want 1: the parts go with their conversation", n, err)
	}
	want := []string{fmt.Sprintf("%q", appliedKey(0)), fmt.Sprintf("%q", conversationKey(0, key)), fmt.Sprintf("%q", partitionKey(0))}
	if got := dumpOf(t, s); !reflect.DeepEqual(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
}

func TestDropForgetsOnePartition(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for p := range int32(3) {
		tx := s.Begin(p, Meta{NextOffset: int64(p) + 1})
		stage(t, tx, keyOf("order"), 1)
		apply(t, tx, Applied{Changelog: 5})
	}
	if err := s.Drop(1); err != nil {
		t.Fatal(err)
	}
	for p := range int32(3) {
		applied, err := s.Applied(p)
		meta, metaErr := s.Meta(p)
		if err := errors.Join(err, metaErr); err != nil || (applied.Changelog == 5) != (p != 1) || (meta.NextOffset > 0) != (p != 1) {
			t.Errorf("partition %d: %+v, %+v, %v", p, applied, meta, err)
		}
	}
}

// TestUnreadableRecordIsAFormatError restores records that a newer version wrote, or that are damaged, and reads them.
func TestUnreadableRecordIsAFormatError(t *testing.T) {
	t.Parallel()
	key := keyOf("order")
	records := map[string][]byte{
		"conversation": conversationKey(0, key),
		"part":         partKey(0, key, 1),
		"reference":    requestKey(0, idOf(1)),
		"partition":    partitionKey(0),
	}
	values := map[string][]byte{
		"empty":           {},
		"newer version":   {formatTells + 1, 0x08, 0x01},
		"version alone 0": {0},
		"damaged":         {format, 0x08, 0x01, 0xff},
	}
	for record, k := range records {
		for value, v := range values {
			t.Run(record+" "+value, func(t *testing.T) {
				t.Parallel()
				wantFormatError(t, readAll(newStore(t), Change{Key: k[2:], Value: v}), k)
			})
		}
	}
	unknown := Change{Key: []byte("zwhat"), Value: []byte{format}}
	wantFormatError(t, readAll(newStore(t), unknown), append(prefix(0, 0)[:2], unknown.Key...))
	wantFormatError(t, readAll(newStore(t), Change{}), prefix(0, 0)[:2])
	short, err := encode(&parleyv1.PartState{RequestId: []byte("short")})
	if err != nil {
		t.Fatal(err)
	}
	wantFormatError(t, readAll(newStore(t), Change{Key: records["part"][2:], Value: short}), records["part"])
	part, err := encodePart(&Part{RequestID: idOf(1)})
	if err != nil {
		t.Fatal(err)
	}
	for n := prefixLen; n < prefixLen+6; n++ { // keys too short for a conversation and a sequence code
		wantFormatError(t, readAll(newStore(t), Change{Key: records["part"][2:n], Value: part}), records["part"][:n])
	}
}

// readAll restores a record, and reads whatever it may be.
func readAll(s *Store, c Change) error {
	if err := s.Restore(0, []Change{c}, Applied{}); err != nil {
		return err
	}
	v := s.View(0)
	defer v.Close()
	_, err := s.Meta(0)
	_, _, err2 := v.Reference(idOf(1))
	_, err3 := v.Conversation(keyOf("order"))
	_, _, err4 := v.Outline(keyOf("order"), 1)
	return errors.Join(err, err2, err3, err4)
}

func wantFormatError(t *testing.T, err error, key []byte) {
	t.Helper()
	f, ok := errors.AsType[*FormatError](err)
	if !ok || string(f.Key) != string(key) || f.Unwrap() == nil {
		t.Errorf("error %v, want a FormatError of %q", err, key)
	}
}

func TestDamagedPositionIsAnError(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	if err := s.db.Set(appliedKey(0), []byte("short"), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Applied(0); err == nil {
		t.Errorf("position %+v was read of 5 bytes", a)
	}
}

func TestDamagedEventIsPassedOver(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	sound := &parleyv1.ResultEvent{Account: "acme", Event: &parleyv1.ResultEvent_Conversation{Conversation: &parleyv1.ConversationEvent{ConversationId: "c"}}}
	value, err := proto.Marshal(sound)
	if err != nil {
		t.Fatal(err)
	}
	nameless, err := proto.Marshal(&parleyv1.ResultEvent{Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{RequestId: "none"}}})
	if err != nil {
		t.Fatal(err)
	}
	unreadable, err := s.RestoreEvents(0, []Event{{Offset: 7, Value: []byte{0xff}}, {Offset: 8, Value: nameless}, {Offset: 9, Value: value}}, Applied{Results: 10})
	if err != nil || len(unreadable) != 2 {
		t.Errorf("unreadable are %v, %v, want those at 7 and 8", unreadable, err)
	}
	if a, err := s.Applied(0); err != nil || a.Results != 10 {
		t.Errorf("position %+v, %v, want 10", a, err)
	}
	v := s.View(0)
	defer v.Close()
	if e, err := v.Ended(schemas.NewConversationKey("acme", "c", schemas.RequestID{})); err != nil || e == nil {
		t.Errorf("the sound one: %v, %v", e, err)
	}
}

func FuzzRestore(f *testing.F) {
	for _, m := range []proto.Message{
		&parleyv1.ConversationState{Phase: int32(conversation.Processing), Calls: 2, Received: []byte{3}, Turn: 1},
		&parleyv1.ConversationState{Phase: int32(conversation.Ended), Calls: 1, Contents: []byte("12345678")},
		&parleyv1.PartState{RequestId: make([]byte, 16), Content: 1},
		&parleyv1.RequestState{First: make([]byte, 20), Rejected: true},
	} {
		v, err := encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(conversationKey(0, keyOf("order"))[2:], v)
		f.Add(partKey(0, keyOf("order"), 1)[2:], v)
		f.Add(requestKey(0, idOf(1))[2:], v)
	}
	s := openOn(f, vfs.NewMem())
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if err := readAll(s, Change{Key: key, Value: value}); err != nil && !isFormat(err) {
			t.Errorf("error %v is no FormatError", err)
		}
		if err := s.Drop(0); err != nil {
			t.Fatal(err)
		}
	})
}

func isFormat(err error) bool {
	_, ok := errors.AsType[*FormatError](err)
	return ok
}
