package node

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// The first call with a key stands, whatever else is sent with it, at any node and through the end of its call.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p, a, b := s.start("p", processes), s.start("a", takes), s.start("b", takes)
	p.owns(8)
	call := func(objectType string) string {
		return fmt.Sprintf(`{"method":"Create","objects":[{"type":%q}]}`, objectType)
	}
	send := func(n *running, body, prefer string) said {
		t.Helper()
		return n.once(http.MethodPost, "/v1/calls", body, "Idempotency-Key", "k", "Prefer", prefer)
	}
	conflicting := func(what string, got said, want bool) {
		t.Helper()
		a.want(what, got, 200, "OK")
		if told := strings.Contains(got.body, `"conflicting":true`); told != want {
			t.Errorf("%s: conflicting %t, want %t: %s", what, told, want, got.body)
		}
	}
	conflicting("the first", send(a, call("Row"), "wait=20"), false)
	conflicting("again", send(b, " "+call("Row"), "wait=20"), false)
	conflicting("another", send(b, call("Bad"), "wait=20"), true) // carried out it would be an Error
	again, another := send(a, call("Row"), ""), send(a, call("Bad"), "")
	conflicting("polled again", b.get(again.header.Get("Location")+"&wait=20s"), false)
	conflicting("polled another", b.get(another.header.Get("Location")+"&wait=20s"), true)
	// The first call of a list has the key's first place, as a call alone has.
	list := send(a, "["+call("Bad")+","+call("Row")+"]", "")
	if list.code != http.StatusAccepted || strings.Count(list.body, again.header.Get("Location")[len("/v1/requests/"):][:36]) != 1 {
		t.Errorf("list: %d %s", list.code, list.body)
	}
}
