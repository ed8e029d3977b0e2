package processor

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// What has no room in a notice is left out, and what comes behind it may have room again. Counts stay.
func TestNoticeHasAnEnd(t *testing.T) {
	t.Parallel()
	ended := func(message int) *parleyv1.ResultEvent {
		return &parleyv1.ResultEvent{Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{
			RequestId: "r", Results: []*parleyv1.ObjectResult{{Status: "OK"}, {Status: "Error", Message: strings.Repeat("m", message)}},
		}}}
	}
	objects := func(properties int) *parleyv1.Call {
		return &parleyv1.Call{Objects: []*parleyv1.Object{{Type: "Row", Properties: []byte(strings.Repeat("p", properties))}, {Type: "Row"}}}
	}
	for _, tt := range []struct {
		name             string
		event            *parleyv1.ResultEvent
		call             *parleyv1.Call
		results, objects int
		truncated        bool
	}{
		{"all", ended(100), objects(100), 2, 2, false},
		{"long objects", ended(100), objects(noticeBytesMax), 2, 0, true},
		{"long results", ended(noticeBytesMax), objects(100), 0, 2, true},
		{"both", ended(noticeBytesMax), objects(noticeBytesMax), 0, 0, true},
	} {
		n := notice{state: new(parleyv1.NoticeState), results: true, objects: true, properties: true, room: noticeBytesMax}
		kept := n.take(tt.event, tt.call)
		if got := len(kept.GetCall().Results); got != tt.results || len(n.state.Payloads[0].Objects) != tt.objects || n.state.Truncated != tt.truncated {
			t.Errorf("%s: %d results, %d objects, truncated %t", tt.name, got, len(n.state.Payloads[0].Objects), n.state.Truncated)
		}
		if c := n.state.Counts[0]; c.Total != 2 || c.Processed != 2 || c.Errors != 1 || len(tt.event.GetCall().Results) != 2 {
			t.Errorf("%s: %v of %d", tt.name, c, len(tt.event.GetCall().Results))
		}
		if more := n.take(ended(1), objects(1)); len(more.GetCall().Results) != 2 {
			t.Errorf("%s: the next has no room", tt.name)
		}
	}
}

// Whoever is told by a form hears of the first object that failed, whether results are told or not.
func TestNoticeKeepsTheFirstError(t *testing.T) {
	t.Parallel()
	ended := func() *parleyv1.ResultEvent {
		return &parleyv1.ResultEvent{Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{
			Results: []*parleyv1.ObjectResult{{Status: "OK"}, {Status: "Error", ErrorCode: "NoStock"}, {Status: "Error", ErrorCode: "Other"}},
		}}}
	}
	for _, tt := range []struct {
		name string
		to   target
		room int
		want int
	}{
		{"by JSON", target{new(parleyv1.ResponseTarget), false}, noticeBytesMax, 0},
		{"by SOAP", target{new(parleyv1.ResponseTarget), true}, noticeBytesMax, 1},
		{"by SOAP without room", target{new(parleyv1.ResponseTarget), true}, 1, 0},
		{"by SOAP with results", target{&parleyv1.ResponseTarget{IncludeResults: true}, true}, noticeBytesMax, 3},
	} {
		n := noticeFor(audience{told: []target{tt.to}})
		n.state, n.room = new(parleyv1.NoticeState), tt.room
		e := ended()
		kept := n.take(e, new(parleyv1.Call)).GetCall().Results
		if len(kept) != tt.want || len(e.GetCall().Results) != 3 || tt.want == 1 && kept[0].ErrorCode != "NoStock" {
			t.Errorf("%s: kept %v", tt.name, kept)
		}
	}
}

// A receiver is told the same once, whatever it was named for.
func TestAudience(t *testing.T) {
	t.Parallel()
	told := func(address string, results, objects, base bool) target {
		return target{&parleyv1.ResponseTarget{ResponseType: "HTTPPost", ResponseAddress: address, RespondWhen: "Always", IncludeResults: results, IncludeObjects: objects, OnlyIncludeBase: base}, false}
	}
	bySOAP := told("one", false, false, false)
	bySOAP.soap = true
	var a audience
	a.add([]target{
		{&parleyv1.ResponseTarget{ResponseType: "None", RespondWhen: "Always"}, false},
		{&parleyv1.ResponseTarget{ResponseType: "HTTPPost", ResponseAddress: "deaf", RespondWhen: "Never"}, false},
		told("one", false, false, false),
		told("one", false, true, true), // includes nothing either
		told("one", true, false, false),
		told("one", true, false, true),
		told("one", true, true, false),
		told("one", true, true, true),
		told("two", false, false, false),
		bySOAP,
	}, func(when schemas.RespondWhen) bool { return when == schemas.RespondAlways })
	var got []string
	for _, r := range a.told {
		words := r.ResponseAddress
		for word, with := range map[string]bool{" results": r.withResults() && !r.withObjects(), " objects": r.withObjects() && !r.withProperties(), " properties": r.withProperties(), " by SOAP": r.soap} {
			if with {
				words += word
			}
		}
		got = append(got, words)
	}
	want := []string{"one", "one results", "one properties", "one objects", "two", "one by SOAP"}
	if !slices.Equal(got, want) {
		t.Errorf("told are %q, want %q", got, want)
	}
	const beyond = 3
	for range 2 { // whom two calls name alike counts once
		for i := range audienceMax + untoldMax + beyond - len(want) {
			a.add([]target{told(fmt.Sprint(i), false, false, false)}, func(schemas.RespondWhen) bool { return true })
		}
	}
	if len(a.told) != audienceMax || len(a.untold) != untoldMax || a.more != 2*beyond || a.recorded() != audienceMax+untoldMax {
		t.Errorf("%d are told, %d are not, %d are counted, want %d, %d, %d", len(a.told), len(a.untold), a.more, audienceMax, untoldMax, 2*beyond)
	}
}
