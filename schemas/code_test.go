package schemas_test

import (
	"testing"

	"parley/schemas"
)

// INTERFACES of POST /v1/calls: which code is answered with which status.
func TestHTTPStatus(t *testing.T) {
	t.Parallel()
	tests := map[schemas.Code]int{
		schemas.InvalidBody:        400,
		schemas.UnknownMethod:      400,
		schemas.MixedRoutes:        400,
		schemas.InvalidParameter:   400,
		schemas.Unauthenticated:    401,
		schemas.Forbidden:          403,
		schemas.NotFound:           404,
		schemas.AlreadyAnswered:    409,
		schemas.AlreadyStarted:     409,
		schemas.ConversationIDUsed: 409,
		schemas.CodeExpired:        410,
		schemas.PayloadGone:        410,
		schemas.TooLarge:           413,
		schemas.RateLimited:        429,
		schemas.Internal:           500,
		schemas.QueueUnavailable:   503,
		schemas.RouteUnavailable:   503,
		schemas.OwnerUnavailable:   503,
	}
	for code, want := range tests {
		if got := code.HTTPStatus(); got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
}

func TestFinal(t *testing.T) {
	t.Parallel()
	calls := map[schemas.CallStatus]bool{
		schemas.Queued: false, schemas.Staged: false, schemas.Scheduled: false, schemas.Waiting: false, schemas.Executing: false, schemas.Deferred: false,
		schemas.OK: true, schemas.HasErrors: true, schemas.Error: true, schemas.NotProcessed: true, schemas.Rejected: true, schemas.Cancelled: true, schemas.Expired: true,
		"": false,
	}
	for s, want := range calls {
		if s.Final() != want {
			t.Errorf("call %q: final %v, want %v", s, !want, want)
		}
	}
	conversations := map[schemas.ConversationStatus]bool{
		schemas.ConversationStaging: false, schemas.ConversationScheduled: false, schemas.ConversationProcessing: false,
		schemas.ConversationComplete: true, schemas.ConversationError: true, schemas.ConversationCancelled: true, schemas.ConversationExpired: true,
		"": false,
	}
	for s, want := range conversations {
		if s.Final() != want {
			t.Errorf("conversation %q: final %v, want %v", s, !want, want)
		}
	}
}

func TestFailOn(t *testing.T) {
	t.Parallel()
	tests := []struct {
		failOn                      schemas.FailOn
		onOK, onHasErrors, onErrors bool
	}{
		{"", false, true, true},
		{schemas.FailOnHasErrors, false, true, true},
		{schemas.FailOnError, false, false, true},
		{schemas.FailOnNever, false, false, false},
	}
	for _, tt := range tests {
		if tt.failOn.Fails(schemas.OK) != tt.onOK || tt.failOn.Fails(schemas.HasErrors) != tt.onHasErrors || tt.failOn.Fails(schemas.Error) != tt.onErrors {
			t.Errorf("failOn %q is wrong", tt.failOn)
		}
	}
}
