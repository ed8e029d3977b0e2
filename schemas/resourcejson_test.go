package schemas_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"parley/schemas"
)

// What is written by hand is what the tags of the structs say.
func TestStatusAsJSON(t *testing.T) {
	t.Parallel()
	for _, r := range []schemas.Resource{
		schemas.CallResource{},
		whole[schemas.CallResource](),
		schemas.ConversationResource{},
		whole[schemas.ConversationResource](),
		schemas.ConversationResource{Kept: new(schemas.KeptResource)},
		schemas.ConversationResource{Missing: []int32{}, Calls: []schemas.CallResource{}, InRecord: []int32{}},
		schemas.CallResource{Results: []schemas.ResultResource{}, Missing: []int32{}, EstimatedSeconds: new(float64)},
		schemas.CallResource{EstimatedSeconds: new(1e21), AcceptedAt: new(time.Unix(1, 0).UTC())},
	} {
		want, err := json.Marshal(r, jsonv1.OmitEmptyWithLegacySemantics(true))
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.AppendJSON([]byte("before "))
		if err != nil || string(got) != "before "+string(want) {
			t.Errorf("%s, %v\nwant   %s", got, err, want)
		}
	}
}

func TestStatusThatIsNoJSON(t *testing.T) {
	t.Parallel()
	for _, r := range []schemas.Resource{
		schemas.CallResource{Message: "\xff"},
		schemas.ConversationResource{ContinuedBy: new("\xff"), Calls: []schemas.CallResource{{Account: "a"}}},
	} {
		if b, err := r.AppendJSON(nil); err == nil {
			t.Errorf("%q is no UTF-8", b)
		}
	}
}

// whole is a thing with a value in every field, and two in every list.
func whole[R any]() (r R) {
	fillAll(reflect.ValueOf(&r).Elem())
	return r
}

func fillAll(v reflect.Value) {
	if at, ok := reflect.TypeAssert[*time.Time](v.Addr()); ok {
		*at = time.Date(2026, 12, 1, 8, 0, 0, 120_000_000, time.UTC)
		return
	}
	if text, ok := reflect.TypeAssert[*jsontext.Value](v.Addr()); ok {
		*text = jsontext.Value(`{"Email":"x@example.com"}`)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("é\"\\/<\x01\u2028>")
	case reflect.Float64:
		v.SetFloat(0.4)
	case reflect.Struct:
		for _, field := range v.Fields() {
			fillAll(field)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fillAll(v.Index(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillAll(v.Elem())
	default:
		fill(v)
	}
}
