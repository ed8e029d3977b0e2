package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"parley/internal/cli/client"
	"parley/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "localhost:8080", "ftp://x", "http://", "http://%"} {
		if _, err := client.New(client.Config{URL: url}); err == nil || !strings.Contains(err.Error(), "give a URL, as http://127.0.0.1:8080") {
			t.Errorf("New(%q): error %v", url, err)
		}
	}
}

// An id may have any character, and is one segment of the path.
func TestConversationID(t *testing.T) {
	t.Parallel()
	var asked string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.RequestURI
		fmt.Fprint(w, `{"conversationId":"x","status":"Complete"}`)
	}))
	defer s.Close()
	r, err := open(t, s.URL+"/").Conversation(t.Context(), "a/b?c d%", 7, 0)
	if want := "/v1/conversations/a%2Fb%3Fc%20d%25?after=7"; err != nil || r.Status != schemas.ConversationComplete || asked != want {
		t.Errorf("asked for %q, want %q; %+v, %v", asked, want, r, err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const problem = `{"status":400,"code":"InvalidParameter","detail":"wait is a duration","pointer":""}`
	for _, c := range []struct {
		status int
		body   string
		want   string
		again  bool
	}{
		{http.StatusBadRequest, problem, "InvalidParameter: wait is a duration", false},
		{http.StatusServiceUnavailable, `{"code":"OwnerUnavailable","detail":"later"}`, "OwnerUnavailable: later", true},
		{http.StatusBadGateway, "<html>", `Internal: "<html>"`, true},
		{http.StatusInternalServerError, "", `Internal: ""`, false},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		}))
		_, err := open(t, s.URL).Request(t.Context(), "id", "", 0)
		if _, again := errors.AsType[*client.UnavailableError](err); err == nil || err.Error() != c.want || again != c.again {
			t.Errorf("%d %s: error %v, to be sent again: %t", c.status, c.body, err, again)
		}
		s.Close()
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	_, err := open(t, s.URL).Request(t.Context(), "id", "", 0)
	if _, ok := errors.AsType[*client.UnavailableError](err); !ok || !strings.HasPrefix(err.Error(), "no answer from http://") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(t, s.URL).Request(ctx, "id", "", 0); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestKeyIsShown(t *testing.T) {
	t.Parallel()
	const key = "parley_JBSWY3DPEB_LJUFQ2LTEBUW4IDBNRWCA3DJONE5MHDJY"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+key {
			t.Errorf("%s %s: Authorization %q", r.Method, r.URL.Path, got)
		}
		fmt.Fprint(w, `{}`)
	}))
	defer s.Close()
	c, err := client.New(client.Config{URL: s.URL, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	_, err1 := c.Routes(t.Context())
	err2 := c.ResubmitMany(t.Context(), schemas.BulkResubmission{}, func(client.Resubmitted) error { return nil })
	if err := errors.Join(err1, err2); err != nil {
		t.Error(err)
	}
	if _, err := client.New(client.Config{URL: s.URL, Key: key[1:]}); err == nil || !strings.Contains(err.Error(), "mistyped") {
		t.Errorf("error of a key that was cut off: %v", err)
	}
}

// What is being resubmitted is told line by line; an answer that breaks off is no whole one.
func TestResubmitMany(t *testing.T) {
	t.Parallel()
	const lines = `{"conversationId":"a","as":"a~2","errorCode":"CallFailed","message":"m","status":"Staging"}
{"conversationId":"b","as":"b~2","errorCode":"CallFailed","message":"m","problem":{"status":410,"code":"PayloadGone","detail":"gone"}}
`
	answers := map[string]func(w http.ResponseWriter){
		"whole": func(w http.ResponseWriter) { fmt.Fprint(w, lines) },
		"torn":  func(w http.ResponseWriter) { fmt.Fprint(w, lines+`{"conversationId":`) },
		"refused": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"code":"OwnerUnavailable","detail":"away"}`)
		},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers[r.Header.Get("Parley-Account")](w) }))
	defer s.Close()
	for account, want := range map[string]int{"whole": 2, "torn": 2, "refused": 0} {
		c, err := client.New(client.Config{URL: s.URL, Account: account})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		var got []client.Resubmitted
		err = c.ResubmitMany(t.Context(), schemas.BulkResubmission{}, func(r client.Resubmitted) error {
			got = append(got, r)
			return nil
		})
		if (err == nil) != (account == "whole") || len(got) != want {
			t.Errorf("%s: %+v, %v", account, got, err)
		}
		if want == 2 && (got[0].Status != schemas.ConversationStaging || got[1].Problem == nil || got[1].Problem.Code != schemas.PayloadGone) {
			t.Errorf("%s: %+v", account, got)
		}
	}
}
