package peer

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/schemas"
)

// signed is a question as a node with a secret asks it, so long ago.
func signed(t *testing.T, secret, path, body string, ago time.Duration) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://node"+path, strings.NewReader(body))
	at := strconv.FormatInt(time.Now().Add(-ago).UnixMilli(), 10)
	r.Header.Set(headerTime, at)
	r.Header.Set(headerMAC, base64.RawURLEncoding.EncodeToString(newKey(t, secret).question(http.MethodPost, path, at, []byte(body))))
	return r
}

func TestOnlyNodesOfOursAreAnswered(t *testing.T) {
	t.Parallel()
	const body = `{"in":[1],"query":{"Account":"acme","ID":"018f4c1e-7c1a-7b5e-9d55-0242ac120002"}}`
	tests := []struct {
		name   string
		change func(*testing.T, *http.Request) *http.Request
		status int
	}{
		{"as it should be", func(_ *testing.T, r *http.Request) *http.Request { return r }, 200},
		{"a little old", func(t *testing.T, _ *http.Request) *http.Request {
			return signed(t, secret, pathRequest, body, 29*time.Second)
		}, 200},
		{"old", func(t *testing.T, _ *http.Request) *http.Request {
			return signed(t, secret, pathRequest, body, 31*time.Second)
		}, 403},
		{"of the future", func(t *testing.T, _ *http.Request) *http.Request {
			return signed(t, secret, pathRequest, body, -31*time.Second)
		}, 403},
		{"with another secret", func(t *testing.T, _ *http.Request) *http.Request {
			return signed(t, "another secret..", pathRequest, body, 0)
		}, 403},
		{"for another path", func(_ *testing.T, r *http.Request) *http.Request {
			r.URL.Path = pathConversation
			return r
		}, 403},
		{"with another account", func(_ *testing.T, r *http.Request) *http.Request {
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(body, "acme", "evil", 1)))
			return r
		}, 403},
		{"with a later time", func(_ *testing.T, r *http.Request) *http.Request {
			r.Header.Set(headerTime, strconv.FormatInt(time.Now().UnixMilli()+1000, 10))
			return r
		}, 403},
		{"without a time", func(_ *testing.T, r *http.Request) *http.Request { r.Header.Del(headerTime); return r }, 403},
		{"without a MAC", func(_ *testing.T, r *http.Request) *http.Request { r.Header.Del(headerMAC); return r }, 403},
		{"with a MAC that is none", func(_ *testing.T, r *http.Request) *http.Request { r.Header.Set(headerMAC, "%"); return r }, 403},
		{"too large", func(t *testing.T, _ *http.Request) *http.Request {
			return signed(t, secret, pathRequest, strings.Repeat(" ", questionBytesMax+1), 0)
		}, 403},
		{"that cannot be read", func(t *testing.T, _ *http.Request) *http.Request { return signed(t, secret, pathRequest, "{", 0) }, 400},
		{"by GET", func(_ *testing.T, r *http.Request) *http.Request { r.Method = http.MethodGet; return r }, 405},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := owner(map[int32]schemas.CallStatus{1: schemas.OK}, 1)
				h := handler(t, o)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, tt.change(t, signed(t, secret, pathRequest, body, 0)))
				if w.Code != tt.status {
					t.Errorf("status %d, want %d: %s", w.Code, tt.status, w.Body)
				}
				wantAsked, wantRefused := 0, 0.0
				switch tt.status {
				case 200:
					wantAsked = 1
				case 403:
					wantRefused = 1
				}
				if got := len(o.asked()); got != wantAsked {
					t.Errorf("the owner was asked %d times, want %d", got, wantAsked)
				}
				if got := counted(t, h.refused); got != wantRefused {
					t.Errorf("%v refused, want %v", got, wantRefused)
				}
			})
		})
	}
}

// Whoever has taken over the address of a node is not believed, whatever he says.
func TestOnlyNodesOfOursAreBelieved(t *testing.T) {
	t.Parallel()
	honest := handler(t, owner(map[int32]schemas.CallStatus{1: schemas.OK}, 1))
	tests := []struct {
		name    string
		answer  http.HandlerFunc
		outcome string
	}{
		{"without a MAC", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"answer":{"status":"OK"}}`) }, "refused"},
		{"of another question", func(w http.ResponseWriter, r *http.Request) {
			honest.ServeHTTP(w, signed(t, secret, pathRequest, `{"in":[1]}`, time.Second))
			_, _ = io.Copy(io.Discard, r.Body)
		}, "refused"},
		{"changed", func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			honest.ServeHTTP(rec, r)
			w.Header().Set(headerMAC, rec.Header().Get(headerMAC))
			_, _ = w.Write(bytes.Replace(rec.Body.Bytes(), []byte("OK"), []byte("KO"), 1))
		}, "refused"},
		{"forbidden", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "refused"},
		{"another service", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, "unreachable"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere/", http.StatusTemporaryRedirect)
		}, "unreachable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork()
			n.put("other", tt.answer)
			l := newLive(t, nobody{}, n, &group{owners: all("other")})
			r, err := l.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: idOn(1)})
			if !errors.Is(err, schemas.ErrUnavailable) || r.Status != "" {
				t.Errorf("got %+v, %v, want ErrUnavailable", r, err)
			}
			if got := counted(t, l.questions.WithLabelValues(tt.outcome)); got == 0 {
				t.Errorf("not counted as %s", tt.outcome)
			}
			if n.asked("elsewhere") > 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

func TestEverySecretHasItsOwnKey(t *testing.T) {
	t.Parallel()
	a, b := newKey(t, secret), newKey(t, "another secret..")
	if bytes.Equal(a.key, b.key) || bytes.Equal(a.key, []byte(secret)) {
		t.Error("keys are equal")
	}
	if bytes.Equal(a.question("POST", "/p", "1", nil), a.answer([]byte("POST\x00/p\x001\x00"), nil)) {
		t.Error("a question is an answer")
	}
	if _, err := NewKey(nil); err == nil {
		t.Error("a key without a secret")
	}
}
