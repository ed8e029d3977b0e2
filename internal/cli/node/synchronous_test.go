package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"parley/schemas"
)

func synchronous(objectType string) string {
	return fmt.Sprintf(`{"method":"Create","objects":[{"type":%q}],"options":{"requestType":"Synchronous"}}`, objectType)
}

// A call is waited for at a node that takes calls, and carried out by another.
func TestSynchronousCalls(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p, n := s.start("p", processes), s.start("n", takes)
	p.owns(8)
	n.want("all is well", n.do(http.MethodPost, "/v1/calls", synchronous("Row")), 200, "OK")

	bad := n.do(http.MethodPost, "/v1/calls", synchronous("Bad"))
	n.want("it fails", bad, 200, "Error")
	var failed struct{ RequestID string }
	if err := json.Unmarshal([]byte(bad.body), &failed); err != nil {
		t.Fatal(err)
	}
	if a := n.do(http.MethodPost, conversation(failed.RequestID)+"/resubmit", `{"conversationId":"again","includeFailed":true}`); a.code != http.StatusCreated {
		t.Errorf("what failed does not run again: %d %s", a.code, a.body)
	}
	again := n.get(conversation("again") + "?wait=20s")
	n.want("it failed again", again, 200, "Error")
	if !strings.Contains(again.body, string(schemas.CallFailed)) {
		t.Errorf("it failed otherwise: %s", again.body)
	}

	later := n.once(http.MethodPost, "/v1/calls", synchronous("Later"), "Prefer", "wait=1")
	if later.code != http.StatusGatewayTimeout || later.Code != schemas.SynchronousTimeout {
		t.Fatalf("a call that is deferred: %d %s", later.code, later.body)
	}
	n.eventually("it goes on, deferred", func() bool { return n.get(later.header.Get("Location")).Status == string(schemas.Deferred) })
	n.want("answer", n.do(http.MethodPost, "/v1/deferred/"+s.token(""), `{"results":[]}`), 202, "")
	n.want("it has ended", n.get(later.header.Get("Location")+"&wait=20s"), 200, "OK")

	n.want("maintenance", n.do(http.MethodPut, "/v1/routes/all/maintenance", `{"reason":"r"}`), 200, "")
	n.eventually("the route is known to be in maintenance", func() bool {
		a := n.do(http.MethodPost, "/v1/calls", synchronous("Row"))
		return a.code == http.StatusServiceUnavailable && a.Code == schemas.RouteUnavailable && a.header.Get("Retry-After") == "30"
	})
	n.want("end of maintenance", n.do(http.MethodDelete, "/v1/routes/all/maintenance", ""), 204, "")
	n.eventually("the route works again", func() bool { return n.do(http.MethodPost, "/v1/calls", synchronous("Row")).code == http.StatusOK })

	p.stop()
	if a := n.once(http.MethodPost, "/v1/calls", synchronous("Row")); a.code != http.StatusServiceUnavailable || a.Code != schemas.OwnerUnavailable {
		t.Errorf("when nobody carries calls out: %d %s", a.code, a.body)
	}
}

// A backend that keeps failing is known to be down at every node.
func TestSynchronousCallsOfARouteThatIsDown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p, n := s.start("p", processes), s.start("n", takes)
	p.owns(8)
	for i := range 16 {
		n.send(fmt.Sprint("c", i), "Down", 1, 1)
	}
	n.eventually("the route is known to be down", func() bool {
		a := n.once(http.MethodPost, "/v1/calls", synchronous("Down"), "Prefer", "wait=1")
		return a.code == http.StatusServiceUnavailable && a.Code == schemas.RouteUnavailable && a.header.Get("Retry-After") != ""
	})
}
