package schemas_test

import (
	"reflect"
	"testing"
	"time"

	"parley/schemas"
)

func TestETagIsThatOfTheStatus(t *testing.T) {
	t.Parallel()
	position, seconds := int64(17), 0.4
	at := time.Unix(1, 0).UTC()
	waiting := schemas.CallResource{RequestID: "r", Status: schemas.Waiting, SequenceCode: 1}
	same := waiting
	same.Position, same.EstimatedSeconds = &position, &seconds
	if waiting.ETag() != same.ETag() {
		t.Error("the place in the queue is in the tag")
	}
	staged := waiting
	staged.Status, staged.Missing, staged.PartsExpireAt = schemas.Staged, []int32{2, 3}, &at
	fewer := staged
	fewer.Missing = []int32{3}
	tags := map[string]bool{waiting.ETag(): true, staged.ETag(): true, fewer.ETag(): true}
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
	if whole.ETag() != owners.ETag() {
		t.Error("a call that the record has makes another tag")
	}
	waiting.Status = schemas.Executing
	other.Calls = []schemas.CallResource{ended, waiting}
	if whole.ETag() == other.ETag() {
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
		{"open, seen", open, open.ETag(), false},
		{"open, another seen", open, final.ETag(), true},
		{"final, nothing seen", final, "", true},
		{"final, seen", final, final.ETag(), true},
		{"a conversation that has ended", schemas.ConversationResource{Status: schemas.ConversationExpired}, "", true},
	} {
		if got := schemas.EndsWait(tt.r, tt.seen); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

// Every field that there is makes another tag, but those that are not part of the status.
func TestETagIsOfEveryField(t *testing.T) {
	t.Parallel()
	eachField(t, schemas.CallResource{Status: schemas.Waiting}, func(r schemas.CallResource) string { return r.ETag() })
	eachField(t, schemas.ConversationResource{Status: schemas.ConversationProcessing}, func(r schemas.ConversationResource) string { return r.ETag() })
	eachField(t, schemas.ResultResource{}, func(r schemas.ResultResource) string {
		return schemas.CallResource{Results: []schemas.ResultResource{r}}.ETag()
	})
	eachField(t, schemas.DeliveryResource{}, func(r schemas.DeliveryResource) string {
		return schemas.CallResource{Deliveries: []schemas.DeliveryResource{r}}.ETag()
	})
	eachField(t, schemas.KeptResource{}, func(r schemas.KeptResource) string {
		return schemas.ConversationResource{Kept: &r}.ETag()
	})
}

func eachField[R any](t *testing.T, base R, tag func(R) string) {
	t.Helper()
	seen := map[string]string{tag(base): "nothing"}
	for i := range reflect.TypeFor[R]().NumField() {
		if reflect.TypeFor[R]().Field(i).Tag.Get("json") == "-" {
			continue // no caller sees it
		}
		changed := base
		field := reflect.ValueOf(&changed).Elem().Field(i)
		switch v := field.Addr().Interface().(type) {
		case *time.Time:
			*v = time.Unix(7, 0)
		case **time.Time:
			*v = new(time.Unix(7, 0))
		case **string:
			*v = new("x")
		default:
			fill(field)
		}
		name := reflect.TypeFor[R]().Field(i).Name
		got, other := tag(changed), name != "Position" && name != "EstimatedSeconds"
		if before, ok := seen[got]; ok == other {
			t.Errorf("%T: %s makes the same tag as %s: %t, want %t", base, name, before, ok, !other)
		}
		seen[got] = name
	}
}

func fill(field reflect.Value) {
	switch field.Kind() {
	case reflect.String:
		field.SetString("x")
	case reflect.Bool:
		field.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		field.SetInt(7)
	case reflect.Slice:
		field.Set(reflect.MakeSlice(field.Type(), 1, 1))
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
	default:
		panic("a field of another kind: " + field.Kind().String())
	}
}
