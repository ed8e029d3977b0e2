package ingest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/internal/token"
	"parley/schemas"
)

// sign makes a token for someID on partition 6, good for an hour from now.
func (h *harness) sign(t testing.TB, goodFor time.Duration) string {
	t.Helper()
	return startSigner(t).Sign(token.Token{Partition: 6, RequestID: mustParse(t, someID), Expires: time.Now().Add(goodFor)})
}

func (h *harness) answer(t testing.TB, tokenText, body string) reply {
	t.Helper()
	return h.do(t, http.MethodPost, deferredPath+tokenText, []byte(body))
}

// gives makes the live state tell a verdict; what it was asked is appended to the list.
func (h *harness) gives(asked *[]schemas.AnswerQuery, verdict schemas.AnswerVerdict, err error) {
	h.live.tell(func(f *fakeSource) {
		f.answers.answer = func(q schemas.AnswerQuery) (schemas.AnswerVerdict, error) {
			*asked = append(*asked, q)
			return verdict, err
		}
	})
}

func TestLateAnswer(t *testing.T) {
	t.Parallel()
	h := start(t)
	good := h.sign(t, time.Hour)
	var asked []schemas.AnswerQuery
	h.gives(&asked, schemas.AnswerTaken, nil)
	bodies := []struct{ body, value string }{
		{`{}`, `{"token":"TOKEN"}`},
		{`{"results": []}`, `{"token":"TOKEN"}`},
		{`{"results": [{"correlationId": "a", "status": "Error", "errorCode": "X", "message": "no", "object": {"id": 7}}]}`, `{"token":"TOKEN","results":[{"correlationId":"a","status":"Error","errorCode":"X","message":"no"}]}`},
		{`{"token": "` + good + `", "status": "Error", "errorCode": "E", "message": "m"}`, `{"token":"TOKEN","status":"Error","errorCode":"E","message":"m"}`},
		{`{"processed": 3}`, `{"token":"TOKEN","processed":3}`},
	}
	for _, b := range bodies {
		if r := h.answer(t, good, b.body); r.status != http.StatusAccepted || string(r.body) != `{"requestId":"`+someID+`"}` {
			t.Errorf("%s: %d %s", b.body, r.status, r.body)
		}
	}
	if strings.Contains(h.logged.String(), good) {
		t.Error("the token is in the log, where others can read it")
	}
	for i, record := range h.log(t, len(bodies)) {
		value := strings.ReplaceAll(bodies[i].value, "TOKEN", good)
		if string(record.Value) != value || record.Partition != 6 || headers(record) != "type=answer content-type=application/json" {
			t.Errorf("record %s on partition %d: %s, want %s", headers(record), record.Partition, record.Value, value)
		}
		said, p := schemas.DecodeAnswer(record.Value)
		if p != nil {
			t.Fatal(p)
		}
		want := schemas.AnswerQuery{ID: mustParse(t, someID), Digest: schemas.AnswerDigest(said), Accepted: schemas.Position{Partition: 6, Offset: int64(i)}}
		if said.Processed != nil {
			want.Digest = 0 // it is well as long as there is no answer
		}
		if asked[i] != want {
			t.Errorf("the owner was asked %+v, want %+v", asked[i], want)
		}
	}
}

// An answer that comes otherwise than by HTTP is the same record, and has the same verdicts.
func TestAnswerCall(t *testing.T) {
	t.Parallel()
	h := start(t)
	good := h.sign(t, time.Hour)
	var asked []schemas.AnswerQuery
	h.gives(&asked, schemas.AnswerTaken, nil)
	said := &schemas.Answer{Results: []schemas.AnswerResult{{Status: schemas.OK, Message: "m"}}}
	if id, err := h.server.AnswerCall(t.Context(), good, said); err != nil || id.String() != someID {
		t.Errorf("%s, %v", id, err)
	}
	record := h.log(t, 1)[0]
	if want := `{"token":"` + good + `","results":[{"status":"OK","message":"m"}]}`; string(record.Value) != want || record.Partition != 6 {
		t.Errorf("record %s on partition %d, want %s", record.Value, record.Partition, want)
	}
	if want := (schemas.AnswerQuery{ID: mustParse(t, someID), Digest: schemas.AnswerDigest(said), Accepted: schemas.Position{Partition: 6}}); len(asked) != 1 || asked[0] != want {
		t.Errorf("the owner was asked %+v, want %+v", asked, want)
	}
	h.gives(&asked, schemas.AnswerConflict, nil)
	for text, want := range map[string]schemas.Code{
		good:                  schemas.AlreadyAnswered,
		h.sign(t, -time.Hour): schemas.CodeExpired,
		"x":                   schemas.Forbidden,
	} {
		_, err := h.server.AnswerCall(t.Context(), text, said)
		if p, ok := errors.AsType[*schemas.Problem](err); !ok || p.Code != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// 403 forged, 410 expired, 409 answered otherwise, the body: in this order.
func TestLateAnswerRefused(t *testing.T) {
	t.Parallel()
	unavailable := fmt.Errorf("no owner: %w", schemas.ErrUnavailable)
	const bad, fine = `{"status": "Fine"}`, `{}`
	tests := []struct {
		name    string
		token   func(good, old string) string
		verdict schemas.AnswerVerdict
		err     error
		body    string
		code    schemas.Code
		written int64
	}{
		{name: "forged", token: func(good, _ string) string { return "A" + good[1:] + "A" }, verdict: schemas.AnswerConflict, body: bad, code: schemas.Forbidden},
		{name: "escaped", token: func(good, _ string) string { return good + "%2F" }, body: fine, code: schemas.Forbidden},
		{name: "too late", token: func(_, old string) string { return old }, verdict: schemas.AnswerConflict, body: bad, code: schemas.CodeExpired},
		{name: "answered otherwise, and a bad body", verdict: schemas.AnswerConflict, body: bad, code: schemas.AlreadyAnswered},
		{name: "answered otherwise", verdict: schemas.AnswerConflict, body: fine, code: schemas.AlreadyAnswered, written: 1},
		{name: "a bad body", body: bad, code: schemas.InvalidBody},
		{name: "a bad body, and nobody knows", err: unavailable, body: bad, code: schemas.InvalidBody},
		{name: "no body", body: ``, code: schemas.InvalidBody},
		{name: "another token in the body", body: `{"token": "x"}`, code: schemas.InvalidBody},
		{name: "too long", body: `{"message": "` + strings.Repeat("x", 1<<20) + `"}`, code: schemas.TooLarge},
		{name: "the owner is silent", err: unavailable, body: fine, code: schemas.OwnerUnavailable, written: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			var asked []schemas.AnswerQuery
			h.gives(&asked, tt.verdict, tt.err)
			given := h.sign(t, time.Hour)
			if tt.token != nil {
				given = tt.token(given, h.sign(t, -time.Hour))
			}
			r := h.answer(t, given, tt.body)
			if d := r.problem(t); d.Code != tt.code || d.Status != tt.code.HTTPStatus() {
				t.Errorf("%d %s, want %s: %s", d.Status, d.Code, tt.code, d.Detail)
			}
			if got := h.logEnd(t); got != tt.written {
				t.Errorf("%d records were written, want %d", got, tt.written)
			}
			if tt.written == 0 && len(asked) > 0 && (asked[0].Digest != 0 || asked[0].Accepted != schemas.Position{Partition: 6, Offset: -1}) {
				t.Errorf("the owner was asked %+v before anything was written", asked[0])
			}
		})
	}
}
