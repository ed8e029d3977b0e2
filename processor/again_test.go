package processor_test

import (
	"testing"

	"github.com/google/uuid"

	"parley/internal/route"
	"parley/processor"
	"parley/schemas"
)

// A call that was rejected because no route took it stays rejected when the same record comes again and a route would
// take it now: one call has one final result.
func TestRejectedCallStaysRejected(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := new(recorder)
	only, err := route.Parse([]byte(`routes: [{name: other, match: {objectType: Other}, executor: {type: http, url: "http://127.0.0.1:1/"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	routes := route.NewCurrent(only)
	p, _ := c.start(x, t.TempDir(), func(cfg *processor.Config) { cfg.Routes = routes })
	id := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120003")
	call := `{"account":"acme","requestId":"` + id.String() + `","method":"Create","objects":[{"type":"Row","correlationId":"a"}]}`
	c.send("acme/"+id.String(), call)
	if e := c.events(1)[0].GetCall(); e.GetStatus() != string(schemas.Rejected) || e.GetErrorCode() != string(schemas.RouteNotFound) {
		t.Fatalf("first: %v", e)
	}
	routes.Replace(route.Default("http://127.0.0.1:1/calls"))
	c.send("acme/"+id.String(), call)
	c.send("acme/last", part("last", 1, 1))
	await(t, p, "last")
	if got := x.executed(); len(got) != 1 || got[0] != "last-1" {
		t.Errorf("executed %v, want last-1 alone", got)
	}
}
