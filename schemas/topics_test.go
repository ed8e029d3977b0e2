package schemas_test

import (
	"strings"
	"testing"

	"parley/schemas"
)

func TestInboxOf(t *testing.T) {
	t.Parallel()
	topics := schemas.TopicsOf("parley")
	if got := topics.Inbox("a.b_c-D"); got != "parley.in.a.b_c-D" {
		t.Errorf("the topic is %s", got)
	}
	for topic, account := range map[string]string{
		"parley.in.acme": "acme", "parley.in.a.b_c-D": "a.b_c-D", "parley.in." + strings.Repeat("a", 64): strings.Repeat("a", 64),
		"parley.in.": "", "parley.in": "", "parley.calls": "", "other.in.acme": "", "parley.in.a/b": "", "parley.in." + strings.Repeat("a", 65): "",
	} {
		if got, ok := topics.InboxOf(topic); ok != (account != "") || ok && got != account {
			t.Errorf("%s is of %q, %t, want %q", topic, got, ok, account)
		}
	}
}
