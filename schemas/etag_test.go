package schemas_test

import (
	"testing"
	"time"

	"parley/schemas"
)

func tagOf(t *testing.T, r schemas.Resource) string {
	t.Helper()
	tag, err := r.ETag()
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

func TestETagIsThatOfTheStatus(t *testing.T) {
	t.Parallel()
	position, seconds := int64(17), 0.4
	at := time.Unix(1, 0).UTC()
	waiting := schemas.CallResource{RequestID: "r", Status: schemas.Waiting, SequenceCode: 1}
	same := waiting
	same.Position, same.EstimatedSeconds = &position, &seconds
	if tagOf(t, waiting) != tagOf(t, same) {
		t.Error("the place in the queue is in the tag")
	}
	staged := waiting
	staged.Status, staged.Missing, staged.PartsExpireAt = schemas.Staged, []int32{2, 3}, &at
	fewer := staged
	fewer.Missing = []int32{3}
	tags := map[string]bool{tagOf(t, waiting): true, tagOf(t, staged): true, tagOf(t, fewer): true}
	if len(tags) != 3 {
		t.Errorf("of three statuses %v", tags)
	}
}

// Who has the call that ended, the owner or the record, makes no other status of the conversation.
func TestETagOfAConversationIsThatOfWhatIsOpen(t *testing.T) {
	t.Parallel()
	ended := schemas.CallResource{SequenceCode: 1, Status: schemas.OK, Sequence: "3-1041"}
	waiting := schemas.CallResource{SequenceCode: 2, Status: schemas.Waiting}
	whole := schemas.ConversationResource{ConversationID: "c", Status: schemas.ConversationProcessing, Calls: []schemas.CallResource{ended, waiting}}
	owners, other := whole, whole
	owners.Calls, owners.InRecord = []schemas.CallResource{waiting}, []int32{1}
	if tagOf(t, whole) != tagOf(t, owners) {
		t.Error("a call that the record has makes another tag")
	}
	waiting.Status = schemas.Executing
	other.Calls = []schemas.CallResource{ended, waiting}
	if tagOf(t, whole) == tagOf(t, other) {
		t.Error("a call that was begun makes no other tag")
	}
}

func TestWaitEndsWithAnotherStatus(t *testing.T) {
	t.Parallel()
	open, final := schemas.CallResource{Status: schemas.Staged}, schemas.CallResource{Status: schemas.OK}
	for _, tt := range []struct {
		name string
		r    schemas.Resource
		seen string
		want bool
	}{
		{"open, nothing seen", open, "", false},
		{"open, seen", open, tagOf(t, open), false},
		{"open, another seen", open, tagOf(t, final), true},
		{"final, nothing seen", final, "", true},
		{"final, seen", final, tagOf(t, final), true},
		{"a conversation that has ended", schemas.ConversationResource{Status: schemas.ConversationExpired}, "", true},
	} {
		if got, err := schemas.EndsWait(tt.r, tt.seen); got != tt.want || err != nil {
			t.Errorf("%s: %t, %v", tt.name, got, err)
		}
	}
}
