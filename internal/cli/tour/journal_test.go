package tour

import (
	"os"
	"path/filepath"
	"testing"

	"parley/internal/backend"
)

// The tour's checks must find what they look for.
func TestJournal(t *testing.T) {
	t.Parallel()
	e := func(conversation string, code int32) backend.Execution {
		return backend.Execution{RequestID: conversation + string('0'+code), ConversationID: conversation, SequenceCode: code, Status: 200}
	}
	again, refused := e("a", 1), e("a", 2)
	again.Repeated, refused.Status = true, 503
	for _, c := range []struct {
		name                                  string
		attempts                              []backend.Execution
		executed, twice, outOfOrder, repeated int
	}{
		{"in order", []backend.Execution{e("a", 1), e("b", 1), e("a", 2), e("b", 2)}, 4, 0, 0, 0},
		{"out of order", []backend.Execution{e("a", 2), e("a", 1)}, 2, 0, 2, 0},
		{"a gap", []backend.Execution{e("a", 1), e("a", 3)}, 2, 0, 1, 0},
		{"twice", []backend.Execution{e("a", 1), e("a", 1)}, 2, 1, 1, 0},
		{"repeated and refused", []backend.Execution{e("a", 1), again, refused, e("a", 2)}, 2, 0, 0, 1},
	} {
		done := executed(c.attempts)
		if len(done) != c.executed || twice(done) != c.twice || outOfOrder(done) != c.outOfOrder || repeated(c.attempts) != c.repeated {
			t.Errorf("%s: executed %d, twice %d, out of order %d, repeated %d", c.name, len(done), twice(done), outOfOrder(done), repeated(c.attempts))
		}
	}
}

func TestReadJournal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), journalName)
	if err := os.WriteFile(path, []byte(`{"requestId":"1","status":200}`+"\n"+`{"requestId":"2","sta`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadJournal(path); err != nil || len(got) != 1 || got[0].RequestID != "1" {
		t.Errorf("ReadJournal() = %+v, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("what\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadJournal(path); err == nil {
		t.Error("no error of a line that is no execution")
	}
}
