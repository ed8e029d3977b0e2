package processor

import (
	"testing"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// TestPayloadsThatWaitAreBounded releases more than may wait in memory to a route that takes nothing.
func TestPayloadsThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	s, err := store.Open(store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	cfg := Config{Routes: route.NewCurrent(route.Default("http://127.0.0.1:1/")), AdmittedMax: 1_000}
	d := newDispatcher(&cfg, s, new(mailbox))
	d.adopt(0)
	if err := d.fill(); err != nil {
		t.Fatal(err)
	}
	r := &cfg.Routes.Table().Routes()[0]
	l := &line{route: r, dispatcher: d, closed: true}
	d.lines[r] = l
	properties := make([]byte, 1<<20)
	for i := range 100 {
		id := schemas.LogRequestID("acme", 0, int64(i))
		d.release(release{
			key:     schemas.NewConversationKey("acme", "", id),
			attempt: conversation.Execute{SequenceCode: 1, Attempt: 1},
			ready:   int64(i),
			call:    &parleyv1.Call{Method: "Create", Objects: []*parleyv1.Object{{Type: "Row", Properties: properties}}},
		})
	}
	held := 0
	for _, w := range l.waiting {
		if w.call != nil {
			held += len(w.call.Objects[0].Properties)
		}
	}
	if len(l.waiting) != 100 || held > heldBytesMax || held < heldBytesMax/2 {
		t.Errorf("%d wait with %d bytes, want 100 with at most %d", len(l.waiting), held, heldBytesMax)
	}
}
