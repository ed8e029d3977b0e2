package schemas_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// narrow are limits other than the defaults: a limit that is not looked at shows.
func narrow() schemas.Limits {
	return schemas.Limits{CallBytesMax: 4096, ObjectsMax: 3, PartsMax: 4, ConversationIDBytesMax: 12, NameBytesMax: 9, ScheduleHorizon: 36 * time.Hour, TargetsMax: 2}
}

// Exactly the limit passes, one more is refused: with the code, where, and what would do.
func TestLimitsAtTheEdge(t *testing.T) {
	t.Parallel()
	named := func(set func(*parleyv1.Object, string)) func(*parleyv1.Call, schemas.Limits, int) {
		return func(c *parleyv1.Call, l schemas.Limits, more int) {
			set(c.Objects[0], strings.Repeat("n", l.NameBytesMax+more))
		}
	}
	short := func(l schemas.Limits) *parleyv1.Call { // what valid has that is too long for the narrow limits
		c := valid()
		if l.NameBytesMax < 100 {
			c.Options.SendResponseTo = nil
		}
		return c
	}
	tests := []struct {
		name string
		// set makes a call that is more over a limit.
		set     func(c *parleyv1.Call, l schemas.Limits, more int)
		code    schemas.Code
		pointer string
		says    [2]string // with the default limits, and the narrow ones
	}{
		{"objects", func(c *parleyv1.Call, l schemas.Limits, more int) { c.Objects = rows(l.ObjectsMax + more) }, schemas.TooManyObjects, "/objects", [2]string{"at most 1000 objects, this one has 1001", "at most 3 objects, this one has 4"}},
		{"parts", func(c *parleyv1.Call, l schemas.Limits, more int) {
			c.Options.CallsInConversation = new(l.PartsMax + int32(more))
		}, schemas.CallsInConversationOutOfRange, "/options/callsInConversation", [2]string{"from 1 to 10000, not 10001", "from 1 to 4, not 5"}},
		{"conversation id", func(c *parleyv1.Call, l schemas.Limits, more int) {
			c.Options.ConversationId = new(strings.Repeat("c", l.ConversationIDBytesMax+more))
		}, schemas.InvalidParameter, "/options/conversationId", [2]string{"at most 200 bytes, this has 201", "at most 12 bytes, this has 13"}},
		{"conversation id of long characters", func(c *parleyv1.Call, l schemas.Limits, more int) {
			c.Options.ConversationId = new(strings.Repeat("\U0001F600", l.ConversationIDBytesMax/4) + strings.Repeat("c", more))
		}, schemas.InvalidParameter, "/options/conversationId", [2]string{"at most 200 bytes, this has 201", "at most 12 bytes, this has 13"}},
		{"horizon", func(c *parleyv1.Call, l schemas.Limits, more int) {
			c.Options.ScheduledTimeMs = new(now.Add(l.ScheduleHorizon).UnixMilli() + int64(more))
		}, schemas.ScheduledTooFar, "/options/scheduledTime", [2]string{"at most 366 days ahead", "at most 36h0m0s ahead"}},
		{"targets", func(c *parleyv1.Call, l schemas.Limits, more int) {
			c.Options.SendResponseTo = slices.Repeat([]*parleyv1.ResponseTarget{{ResponseType: "None"}}, l.TargetsMax+more)
		}, schemas.InvalidParameter, "/options/sendResponseTo", [2]string{"at most 8 targets a call, this one has 9", "at most 2 targets a call, this one has 3"}},
		{"action", func(c *parleyv1.Call, l schemas.Limits, more int) {
			c.Method, c.Action = "Perform", strings.Repeat("a", l.NameBytesMax+more)
		}, schemas.InvalidParameter, "/action", [2]string{"at most 4000 bytes, this has 4001", "at most 9 bytes, this has 10"}},
		{"type", named(func(o *parleyv1.Object, s string) { o.Type = s }), schemas.InvalidParameter, "/objects/0/type", [2]string{"has 4001", "has 10"}},
		{"customer key", named(func(o *parleyv1.Object, s string) { o.CustomerKey = s }), schemas.InvalidParameter, "/objects/0/customerKey", [2]string{"has 4001", "has 10"}},
		{"subscriber key", named(func(o *parleyv1.Object, s string) { o.SubscriberKey = s }), schemas.InvalidParameter, "/objects/0/subscriberKey", [2]string{"has 4001", "has 10"}},
		{"partner key", named(func(o *parleyv1.Object, s string) { o.PartnerKey = s }), schemas.InvalidParameter, "/objects/0/partnerKey", [2]string{"has 4001", "has 10"}},
		{"id", named(func(o *parleyv1.Object, s string) { o.Id = s }), schemas.InvalidParameter, "/objects/0/id", [2]string{"has 4001", "has 10"}},
		{"object id", named(func(o *parleyv1.Object, s string) { o.ObjectId = s }), schemas.InvalidParameter, "/objects/0/objectId", [2]string{"has 4001", "has 10"}},
		{"response address", func(c *parleyv1.Call, l schemas.Limits, more int) {
			const url = "http://h"
			c.Options.SendResponseTo = []*parleyv1.ResponseTarget{post(url + strings.Repeat("/", l.NameBytesMax-len(url)+more))}
		}, schemas.InvalidParameter, "/options/sendResponseTo/0/responseAddress", [2]string{"has 4001", "has 10"}},
		{"correlation id", named(func(o *parleyv1.Object, s string) { o.CorrelationId = s }), schemas.InvalidParameter, "/objects/0/correlationId", [2]string{"has 4001", "has 10"}},
	}
	for _, tt := range tests {
		for i, l := range []schemas.Limits{byMail(), narrow()} {
			fits, over := short(l), short(l)
			tt.set(fits, l, 0)
			tt.set(over, l, 1)
			if p := l.Validate(fits, now); p != nil {
				t.Errorf("%s at the limit: %v", tt.name, p)
			}
			if p := l.Validate(over, now); p == nil || p.Code != tt.code || p.Pointer != tt.pointer || !strings.Contains(p.Detail, tt.says[i]) {
				t.Errorf("%s over the limit: %v, want %s at %s, saying %q", tt.name, p, tt.code, tt.pointer, tt.says[i])
			}
		}
	}
}

func TestLimitsAreChecked(t *testing.T) {
	t.Parallel()
	for _, l := range []schemas.Limits{
		schemas.DefaultLimits(),
		{CallBytesMax: 1 << 10, ObjectsMax: 1, PartsMax: 1, ConversationIDBytesMax: 1, NameBytesMax: 1, ScheduleHorizon: time.Millisecond, TargetsMax: 1},
		{CallBytesMax: 8 << 20, ObjectsMax: 3_000, PartsMax: 100_000, ConversationIDBytesMax: 1_000, NameBytesMax: 64 << 10, ScheduleHorizon: 878_400 * time.Hour, TargetsMax: 32},
	} {
		if err := l.Check(); err != nil {
			t.Errorf("%+v: %v", l, err)
		}
	}
	if err := (schemas.Limits{}).Check(); err == nil || strings.Count(err.Error(), "it is from") != 7 {
		t.Errorf("none at all: %v", err)
	}
	over := schemas.Limits{CallBytesMax: 8<<20 + 1, ObjectsMax: 3_001, PartsMax: 100_001, ConversationIDBytesMax: 1_001, NameBytesMax: 64<<10 + 1, ScheduleHorizon: 878_401 * time.Hour, TargetsMax: 33}
	if err := over.Check(); err == nil || strings.Count(err.Error(), "it is from") != 7 {
		t.Errorf("all over: %v", err)
	}
}
