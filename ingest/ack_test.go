package ingest

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"parley/schemas"
)

// What is written by hand is what the tags of the struct say.
func TestAcknowledgmentAsJSON(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 1, 8, 0, 0, 120_000_000, time.UTC)
	for _, a := range []Acknowledgment{
		{},
		{RequestID: someID, Receipt: "AQAAAAM", Digest: "sha-256=:+/==:", Status: schemas.Queued, SequenceCode: 1, AcceptedAt: at},
		{RequestID: someID, Status: schemas.Queued, ConversationID: "é\"\\/<\x01\u2028>", SequenceCode: 10_000, AcceptedAt: at.Truncate(time.Second)},
	} {
		want, err := json.Marshal(a, encodeOptions)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.append([]byte("before "))
		if err != nil || string(got) != "before "+string(want) {
			t.Errorf("%s, %v\nwant   %s", got, err, want)
		}
	}
}
