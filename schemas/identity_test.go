package schemas_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// A resend must find the call that an earlier version queued: these values may not change.
func TestDerivedRequestIDsGolden(t *testing.T) {
	t.Parallel()
	digest := sha256.Sum256([]byte(`{"method":"Create"}`))
	tests := []struct {
		name string
		got  schemas.RequestID
		want string
	}{
		{"part", schemas.PartRequestID("acme", "order-1234", 2, digest[:], 5), "f1f47d29-e810-84fc-8005-1f7a0a93d6a6"},
		{"part on the last partition", schemas.PartRequestID("acme", "order-1234", 2, digest[:], schemas.PartitionsMax-1), "f1f47d29-e810-84fc-bfff-1f7a0a93d6a6"},
		{"log", schemas.LogRequestID("acme", 5, 1041), "a4d1b20c-130d-88f0-8005-b00c46a66f56"},
		{"keyed", schemas.KeyedRequestID("acme", "key-1", 0), "3767ab8a-6780-52f5-b29b-d789b22bc8e1"},
		{"keyed, second of its body", schemas.KeyedRequestID("acme", "key-1", 1), "501c603c-d1c5-567e-aa5b-68bc9edff22f"},
	}
	for _, tt := range tests {
		if tt.got.String() != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

func TestPartRequestIDDependsOnEverything(t *testing.T) {
	t.Parallel()
	seen := make(map[schemas.RequestID]string)
	add := func(name string, id schemas.RequestID) {
		if other, ok := seen[id]; ok {
			t.Errorf("%s and %s have the same id", name, other)
		}
		seen[id] = name
	}
	one, two := []byte("one"), []byte("two")
	add("part", schemas.PartRequestID("acme", "c", 1, one, 0))
	add("another account", schemas.PartRequestID("acm", "ec", 1, one, 0))
	add("another conversation", schemas.PartRequestID("acme", "d", 1, one, 0))
	add("another place", schemas.PartRequestID("acme", "c", 2, one, 0))
	add("another digest", schemas.PartRequestID("acme", "c", 1, two, 0))
	add("another partition", schemas.PartRequestID("acme", "c", 1, one, 1))
	add("log", schemas.LogRequestID("acme", 0, 1))
	add("another offset", schemas.LogRequestID("acme", 0, 2))
	add("another log", schemas.LogRequestID("acme", 1, 1))
	add("keyed", schemas.KeyedRequestID("acme", "k", 0))
	add("another position", schemas.KeyedRequestID("acme", "k", 1))
	add("another key", schemas.KeyedRequestID("acme", "l", 0))
	add("another owner of the key", schemas.KeyedRequestID("acm", "ek", 0))
}

func TestPartitionOf(t *testing.T) {
	t.Parallel()
	for _, partition := range []int32{0, 1, 7, 255, 256, schemas.PartitionsMax - 1} {
		for _, id := range []schemas.RequestID{
			schemas.PartRequestID("acme", "c", 1, nil, partition),
			schemas.LogRequestID("acme", partition, 1),
		} {
			if got, ok := schemas.PartitionOf(id); !ok || got != partition {
				t.Errorf("PartitionOf(%s) = %d, %v, want %d", id, got, ok, partition)
			}
			if parsed, err := uuid.Parse(id.String()); err != nil || parsed != id || id.Version() != 8 || id.Variant() != uuid.RFC4122 {
				t.Errorf("%s is not a UUID of version 8: %v", id, err)
			}
		}
	}
	random, err := schemas.NewRequestID()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []schemas.RequestID{random, schemas.KeyedRequestID("acme", "k", 0), {}, uuid.New()} {
		if got, ok := schemas.PartitionOf(id); ok {
			t.Errorf("PartitionOf(%s) = %d, want none", id, got)
		}
	}
}

func TestNewRequestIDIsTimeOrdered(t *testing.T) {
	t.Parallel()
	var last string
	for range 1000 {
		id, err := schemas.NewRequestID()
		if err != nil {
			t.Fatal(err)
		}
		if id.Version() != 7 || id.String() <= last {
			t.Fatalf("%s after %s", id, last)
		}
		last = id.String()
	}
}

func TestRecordKey(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120002")
	if got, want := schemas.RecordKey("acme", "a/b", id), "acme/a/b"; got != want {
		t.Errorf("key %q, want %q", got, want)
	}
	if got, want := schemas.RecordKey("acme", "", id), "acme/018f4c1e-7c1a-7b5e-9d55-0242ac120002"; got != want {
		t.Errorf("key %q, want %q", got, want)
	}
}

func TestConversationKey(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120002")
	tests := []struct {
		account, conversation string
		id                    schemas.RequestID
	}{
		{"acme", "order-1234", schemas.RequestID{}},
		{"acme", "\x00s/\x00", schemas.RequestID{}},
		{"acme", id.String(), schemas.RequestID{}}, // a ConversationID that looks like a request id
		{"acme", "", id},
		{"acme", "", schemas.RequestID{}},
	}
	seen := make(map[schemas.ConversationKey]int)
	for i, tt := range tests {
		key := schemas.NewConversationKey(tt.account, tt.conversation, tt.id)
		account, conversation, single := key.Split()
		if account != tt.account || conversation != tt.conversation || single != tt.id {
			t.Errorf("Split(%q) = %q, %q, %s, want %q, %q, %s", key, account, conversation, single, tt.account, tt.conversation, tt.id)
		}
		if other, ok := seen[key]; ok {
			t.Errorf("cases %d and %d have the key %q", i, other, key)
		}
		seen[key] = i
	}
}

func TestKeyOf(t *testing.T) {
	t.Parallel()
	call := valid()
	call.RequestId = "018f4c1e-7c1a-7b5e-9d55-0242ac120002"
	if key, err := schemas.KeyOf(call); err != nil || key != "acme\x00corder-1234" {
		t.Errorf("KeyOf = %q, %v", key, err)
	}
	call.Options = nil
	if key, err := schemas.KeyOf(call); err != nil || key != schemas.NewConversationKey("acme", "", uuid.MustParse(call.RequestId)) {
		t.Errorf("KeyOf = %q, %v", key, err)
	}
	if key, err := schemas.KeyOf(&parleyv1.Call{}); err == nil {
		t.Errorf("KeyOf of a call without a request id = %q", key)
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	call := valid()
	if k, n := schemas.Place(call); k != 2 || n != 3 {
		t.Errorf("%d of %d, want 2 of 3", k, n)
	}
	call.Options.SequenceCode, call.Options.CallsInConversation = nil, nil
	if k, n := schemas.Place(call); k != 1 || n != 1 {
		t.Errorf("%d of %d, want 1 of 1", k, n)
	}
	call.Options = nil
	if k, n := schemas.Place(call); k != 1 || n != 1 {
		t.Errorf("%d of %d, want 1 of 1", k, n)
	}
}

func TestTimeOf(t *testing.T) {
	t.Parallel()
	if got := schemas.TimeOf(0); got != nil {
		t.Errorf("TimeOf(0) = %s, want none", got)
	}
	want := time.Date(2026, 12, 1, 8, 0, 0, 500e6, time.UTC)
	if got := schemas.TimeOf(want.UnixMilli()); got == nil || !got.Equal(want) {
		t.Errorf("TimeOf = %v, want %s", got, want)
	}
}
