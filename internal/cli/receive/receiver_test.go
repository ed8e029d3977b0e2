package receive

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/internal/webhook"
	"parley/schemas"
)

// signed is a callback that is signed now.
func signed(id, body string, by webhook.Secret) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body))
	webhook.Sign(r.Header, id, time.Now(), []byte(body), by)
	return r
}

func TestReceiver(t *testing.T) {
	t.Parallel()
	young, old := webhook.NewSecret(), webhook.NewSecret()
	var took []string
	var refused []error
	receiver := New(Config{
		Secrets: []webhook.Secret{young, old}, Answer: http.StatusAccepted,
		Took: func(c Callback) {
			took = append(took, fmt.Sprintf("%s %s again=%t form=%t", c.ID, c.Body, c.Again, c.Form))
		},
		Refused: func(why error) { refused = append(refused, why) },
	})
	changed := signed("c", "{}", young)
	changed.Body = http.NoBody
	form := signed("f", "StatusCode=OK", young)
	form.Header.Set("Content-Type", schemas.ContentForm)
	large := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("a", bodyBytesMax+1)))
	for _, tt := range []struct {
		name    string
		request *http.Request
		status  int
		took    string
	}{
		{"signed", signed("a", `{"n":1}`, young), http.StatusAccepted, `a {"n":1} again=false form=false`},
		{"signed by the older one", signed("b", "{}", old), http.StatusAccepted, "b {} again=false form=false"},
		{"again", signed("a", `{"n":1}`, old), http.StatusAccepted, `a {"n":1} again=true form=false`},
		{"a form", form, http.StatusAccepted, "f StatusCode=OK again=false form=true"},
		{"by somebody else", signed("c", "{}", webhook.NewSecret()), http.StatusUnauthorized, ""},
		{"changed", changed, http.StatusUnauthorized, ""},
		{"not signed", httptest.NewRequest(http.MethodPost, "/", nil), http.StatusUnauthorized, ""},
		{"by another method", httptest.NewRequest(http.MethodGet, "/", nil), http.StatusMethodNotAllowed, ""},
		{"too large", large, http.StatusRequestEntityTooLarge, ""},
	} {
		took, refused = nil, nil
		w := httptest.NewRecorder()
		receiver.ServeHTTP(w, tt.request)
		if w.Code != tt.status || strings.Join(took, "\n") != tt.took || (len(refused) == 1) != (tt.took == "") {
			t.Errorf("%s: answered %d, took %q, refused %v", tt.name, w.Code, took, refused)
		}
	}
}

func TestIdsAreForgottenInTheirOrder(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for i := range seenMax + 1 {
		if r.again(strconv.Itoa(i)) {
			t.Fatalf("%d came before", i)
		}
	}
	if !r.again("1") || !r.again(strconv.Itoa(seenMax)) {
		t.Error("one of the last ids is forgotten")
	}
	if r.again("0") {
		t.Error("more ids are remembered than may be")
	}
	if len(r.seen) != seenMax || len(r.order) != seenMax {
		t.Errorf("%d and %d are remembered", len(r.seen), len(r.order))
	}
}
