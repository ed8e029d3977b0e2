package cli

import (
	"strings"
	"testing"
	"time"

	"parley/internal/cli/submit"
	"parley/schemas"
)

func TestWriteReport(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	writeReport(&b, submit.Report{
		Accepted: 1_234_567,
		Rejected: map[schemas.Code]submit.Rejections{
			schemas.NoObjects:     {Count: 1, Lines: []int{7}, Detail: "give one"},
			schemas.UnknownMethod: {Count: 12, Lines: []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, Detail: "no such method"},
		},
		Took: 10 * time.Second,
	})
	want := `accepted 1,234,567 of 1,234,580 calls in 10s (123,456 calls/s)
rejected 13
  UnknownMethod                     12  lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...: no such method
  NoObjects                          1  line 7: give one
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestWriteOutcome(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	writeOutcome(&b, submit.Outcome{
		Calls:         map[schemas.CallStatus]int{schemas.OK: 1000, schemas.Error: 2},
		Conversations: map[schemas.ConversationStatus]int{schemas.ConversationComplete: 400},
		Codes:         map[schemas.Code]int{schemas.CallFailed: 2},
		Open:          3,
		Conflicting:   1,
	})
	want := `ended 1,002 calls
  OK                             1,000
  Error                              2
  (not ended)                        3
conflicting 1: other calls were sent before with the same key, and stand; use another --key
why
  CallFailed                         2
conversations
  Complete                         400
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
