package delivery

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"parley/processor/notify"
	"parley/schemas"
)

// State is a delivery that has not ended.
type State struct {
	// Begun is when there was something to tell.
	Begun time.Time
	// Due is before when the next attempt must not begin.
	Due time.Time
	// Attempts counts those that were made.
	Attempts int32
	// Code and Message are those of the last attempt; empty: none was made.
	Code    schemas.Code
	Message string
}

// Attempted is what came of an attempt.
type Attempted struct {
	At      time.Time
	Verdict notify.Verdict
	// Spread is any number that is the delivery's own: what failed together does not come back together.
	Spread uint64
}

// End is how a delivery ended. The zero End is none.
type End struct {
	Status   schemas.DeliveryStatus
	Code     schemas.Code
	Message  string
	Attempts int32
	At       time.Time
}

const (
	// pauseFirst is the pause after the first attempt. It grows by pauseFactor from one to the next, up to PauseMax.
	pauseFirst  = time.Second
	pauseFactor = 5
	// PauseMax bounds the pause between two attempts, whatever a receiver asks for.
	PauseMax = time.Hour
	// TriedFor is for how long a receiver is tried.
	TriedFor = 24 * time.Hour
	// codeBytesMax and messageBytesMax bound what is kept of the reason.
	codeBytesMax    = 100
	messageBytesMax = 500
)

// Begin is a delivery of something that ended at a time.
func Begin(at time.Time) State { return State{Begun: at, Due: at} }

// Step says what follows from an attempt: another, not before Due, or the end.
func Step(s State, in Attempted) (State, End) {
	if in.Verdict.Kind != notify.Later {
		s.Attempts++
	}
	s.Code, s.Message = schemas.Code(clip(string(in.Verdict.Code), codeBytesMax)), clip(in.Verdict.Message, messageBytesMax)
	end := End{Status: schemas.Undelivered, Code: s.Code, Message: s.Message, Attempts: s.Attempts, At: in.At}
	switch in.Verdict.Kind {
	case notify.Taken:
		return s, End{Status: schemas.Delivered, Attempts: s.Attempts, At: in.At}
	case notify.Refused:
		return s, end
	case notify.Later:
		s.Due = in.At.Add(min(max(in.Verdict.RetryAfter, pauseLeast), PauseMax))
		return until(s, end)
	}
	s.Due = in.At.Add(max(pause(s.Attempts, in.Spread), min(in.Verdict.RetryAfter, PauseMax)))
	return until(s, end)
}

// until ends a delivery whose time is over when it is due.
func until(s State, end End) (State, End) {
	if s.Due.After(s.Begun.Add(TriedFor)) {
		end.Message = fmt.Sprintf("given up after %d attempts: %s", s.Attempts, s.Message)
		return s, end
	}
	return s, End{}
}

// pauseLeast is the least that a sender has a delivery wait that it does not attempt.
const pauseLeast = 100 * time.Millisecond

// pause is the time to wait after an attempt (from 1): exponential, ±20 % by what is the delivery's own, never more than
// PauseMax.
func pause(attempt int32, spread uint64) time.Duration {
	d := pauseFirst
	for i := int32(1); i < attempt && d < PauseMax; i++ {
		d = min(pauseFactor*d, PauseMax)
	}
	shortest := d - d/5
	part, _ := bits.Mul64((spread+uint64(attempt))*0x9e3779b97f4a7c15, uint64(min(d/5*2, PauseMax-shortest)))
	return shortest + time.Duration(part)
}

// clip cuts a text that is long, and makes valid UTF-8 of it.
func clip(s string, bytes int) string {
	return strings.ToValidUTF8(s[:min(len(s), bytes)], "")
}
