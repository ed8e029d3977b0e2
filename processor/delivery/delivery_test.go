package delivery_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"parley/processor/delivery"
	"parley/processor/notify"
	"parley/schemas"
)

var epoch = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)

// The pauses grow as INTERFACES "Callbacks" says, ±20 %, and are never longer than an hour; after a day it is given up.
func TestReceiverThatNeverAnswers(t *testing.T) {
	t.Parallel()
	s, at := delivery.Begin(epoch), epoch
	means := []time.Duration{time.Second, 5 * time.Second, 25 * time.Second, 125 * time.Second, 625 * time.Second, 3125 * time.Second}
	for n := 0; ; n++ {
		next, end := delivery.Step(s, delivery.Attempted{At: at, Verdict: notify.Verdict{Kind: notify.Again, Code: "Timeout", Message: "nobody answers"}, Spread: 7})
		if end.Status != "" {
			if sofar := at.Sub(epoch); sofar < 23*time.Hour || sofar > delivery.TriedFor {
				t.Errorf("given up after %s", sofar)
			}
			if end.Status != schemas.Undelivered || end.Code != "Timeout" || !strings.HasSuffix(end.Message, "attempts: nobody answers") || end.Attempts != int32(n+1) || !end.At.Equal(at) {
				t.Errorf("the end is %+v", end)
			}
			return
		}
		pause := next.Due.Sub(at)
		mean := time.Hour
		if n < len(means) {
			mean = means[n]
		}
		if pause < mean-mean/5 || pause > min(mean+mean/5, time.Hour) {
			t.Errorf("pause %d is %s, want about %s", n+1, pause, mean)
		}
		s, at = next, next.Due
	}
}

// What a sender does not attempt yet is no attempt, and makes the next pause no longer; the time for which a receiver is tried
// bounds it, too.
func TestSenderThatLetsWait(t *testing.T) {
	t.Parallel()
	later := func(at, pause time.Duration) delivery.Attempted {
		return delivery.Attempted{At: epoch.Add(at), Verdict: notify.Verdict{Kind: notify.Later, RetryAfter: pause, Code: "RateLimited", Message: "m"}}
	}
	s := delivery.Begin(epoch)
	for i, tt := range []struct{ asked, want time.Duration }{{0, 100 * time.Millisecond}, {time.Second, time.Second}, {1000 * time.Hour, time.Hour}} {
		next, end := delivery.Step(s, later(0, tt.asked))
		if end.Status != "" || next.Attempts != 0 || next.Due.Sub(epoch) != tt.want || next.Code != "RateLimited" {
			t.Errorf("%d: %+v, %+v", i, next, end)
		}
		s = next
	}
	if next, _ := delivery.Step(s, delivery.Attempted{At: epoch, Verdict: notify.Verdict{Kind: notify.Again}}); next.Attempts != 1 || next.Due.Sub(epoch) > 1200*time.Millisecond {
		t.Errorf("the first attempt: %+v", next)
	}
	if _, end := delivery.Step(s, later(delivery.TriedFor, time.Second)); end.Status != schemas.Undelivered || end.Attempts != 0 || end.Code != "RateLimited" {
		t.Errorf("after its time: %+v", end)
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		verdict notify.Verdict
		at      time.Duration // since the beginning
		want    delivery.End
		// due is the least and the most pause, if it goes on.
		least, most time.Duration
	}{
		{name: "taken", verdict: notify.Verdict{Kind: notify.Taken}, want: delivery.End{Status: schemas.Delivered, Attempts: 1, At: epoch}},
		{name: "refused", verdict: notify.Verdict{Kind: notify.Refused, Code: "X", Message: "m"}, want: delivery.End{Status: schemas.Undelivered, Code: "X", Message: "m", Attempts: 1, At: epoch}},
		{name: "again", verdict: notify.Verdict{Kind: notify.Again}, least: 800 * time.Millisecond, most: 1200 * time.Millisecond},
		{name: "the receiver asks for time", verdict: notify.Verdict{Kind: notify.Again, RetryAfter: time.Minute}, least: time.Minute, most: time.Minute},
		{name: "the receiver asks for too much", verdict: notify.Verdict{Kind: notify.Again, RetryAfter: 1000 * time.Hour}, least: time.Hour, most: time.Hour},
		{
			name: "nobody could try for two days", at: 48 * time.Hour, verdict: notify.Verdict{Kind: notify.Again, Code: "X", Message: "m"},
			want: delivery.End{Status: schemas.Undelivered, Code: "X", Message: "given up after 1 attempts: m", Attempts: 1, At: epoch.Add(48 * time.Hour)},
		},
		{name: "taken after two days", at: 48 * time.Hour, verdict: notify.Verdict{Kind: notify.Taken}, want: delivery.End{Status: schemas.Delivered, Attempts: 1, At: epoch.Add(48 * time.Hour)}},
	} {
		at := epoch.Add(tt.at)
		next, end := delivery.Step(delivery.Begin(epoch), delivery.Attempted{At: at, Verdict: tt.verdict, Spread: 3})
		if end != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, end, tt.want)
		}
		if pause := next.Due.Sub(at); tt.most > 0 && (pause < tt.least || pause > tt.most || next.Attempts != 1) {
			t.Errorf("%s: again after %s", tt.name, pause)
		}
	}
}

// Whatever a sender says, a delivery ends within a day and a bounded number of attempts, and what is kept of it is short text.
func TestDeliveriesEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, at := delivery.Begin(epoch), epoch
		for attempts := int32(1); ; attempts++ {
			in := delivery.Attempted{
				At:     at.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "takes"))),
				Spread: rapid.Uint64().Draw(t, "spread"),
				Verdict: notify.Verdict{
					Kind:       notify.Kind(rapid.IntRange(1, 3).Draw(t, "kind")),
					RetryAfter: time.Duration(rapid.Int64Range(-1, int64(3*time.Hour)).Draw(t, "after")),
					Code:       schemas.Code(rapid.StringN(0, 300, -1).Draw(t, "code")),
					Message:    string(rapid.SliceOfN(rapid.Byte(), 0, 2_000).Draw(t, "message")),
				},
			}
			next, end := delivery.Step(s, in)
			if next.Attempts != attempts || !utf8.ValidString(next.Message) || !utf8.ValidString(string(next.Code)) || len(next.Message)+len(next.Code) > 600 {
				t.Fatalf("after attempt %d: %+v", attempts, next)
			}
			if end.Status != "" {
				return
			}
			if pause := next.Due.Sub(in.At); pause < 800*time.Millisecond || pause > time.Hour || next.Due.After(epoch.Add(delivery.TriedFor)) {
				t.Fatalf("again after %s, at %s", pause, next.Due)
			}
			s, at = next, next.Due
		}
	})
}
