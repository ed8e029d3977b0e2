package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/cli/client"
)

// Who cannot be asked now is asked again: for the list, and for each conversation, under the id that it was to have.
func TestResubmitManyAgain(t *testing.T) {
	t.Parallel()
	const away = `{"status":503,"code":"OwnerUnavailable","detail":"away"}`
	var (
		mu    sync.Mutex
		asked []string
	)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		times := 0
		for _, path := range asked {
			if path == r.URL.Path {
				times++
			}
		}
		switch {
		case times == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, away)
		case r.URL.Path == "/v1/resubmit":
			for _, id := range []string{"a", "b"} {
				fmt.Fprintf(w, `{"conversationId":%q,"as":"%s~2","errorCode":"CallFailed","message":"m","problem":%s}`+"\n", id, id, away)
			}
			fmt.Fprint(w, `{"conversationId":"c","as":"c~2","errorCode":"CallFailed","message":"m","status":"Processing"}`+"\n")
		case r.URL.Path == "/v1/conversations/b/resubmit":
			w.WriteHeader(http.StatusGone)
			fmt.Fprint(w, `{"status":410,"code":"PayloadGone","detail":"gone"}`)
		default:
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"conversationId":"a~2","status":"Staging"}`)
		}
	}))
	defer s.Close()
	parley, err := client.New(client.Config{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer parley.Close()
	var said strings.Builder
	c := &resubmitCmd{From: ago{Time: time.Now().Add(-time.Hour)}, Limit: 1000}
	if err := c.many(t.Context(), &said, parley); err == nil {
		t.Error("no error, and one was not resubmitted")
	}
	want := []string{
		"c (CallFailed: m) is continued as c~2: Processing",
		"a (CallFailed: m) is continued as a~2: Staging",
		"b (CallFailed: m) is not resubmitted: PayloadGone: gone",
		"resubmitted 2 of 3 conversations", "",
	}
	if got := strings.Split(said.String(), "\n"); !slices.Equal(got, want) {
		t.Errorf("said %q, want %q", got, want)
	}
}
