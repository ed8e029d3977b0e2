package partnerapi_test

import (
	"testing"

	"parley/internal/partnerapi"
	"parley/schemas"
)

func TestError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code    schemas.Code
		message string
		number  int
		text    string
	}{
		{schemas.PartTimeout, "", 203, "Async API Timeout"},
		{schemas.ConversationIDUsed, "since Monday", 211, "Invalid ConversationID. ConversationID has already been used: since Monday"},
		{schemas.StartByPassed, "too late", 204, "Async API Error: StartByPassed: too late"},
		{"", "", 204, "Async API Error"},
		{"12014", "already on the list", 12014, "already on the list"},
		{"12014", "", 12014, "12014"},
		{"0", "no number", 204, "Async API Error: 0: no number"},
		{"99999999999", "no number", 204, "Async API Error: 99999999999: no number"},
		{"E_STOCK", "sold out", 204, "Async API Error: E_STOCK: sold out"},
	} {
		if number, text := partnerapi.Error(c.code, c.message); number != c.number || text != c.text {
			t.Errorf("%s is %d %q, want %d %q", c.code, number, text, c.number, c.text)
		}
	}
}
