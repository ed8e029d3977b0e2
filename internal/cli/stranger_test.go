package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// stranger is a client that knows of Parley what stands at /docs#client, step by step, and nothing else.
type stranger struct {
	base string
	http http.Client
}

// answered is what a stranger looks at.
type answered struct {
	RequestID string `json:"requestId"`
	Status    string
	Location  string
	Attempts  int
	Results   []struct{ CorrelationID string }
	Received  int
}

// ask sends a request until it is answered, as steps 4, 5, 6 and 8 say.
func (s *stranger) ask(method, path string, body []byte) (a answered, location string, _ error) {
	for tries := range 20 {
		r, err := http.NewRequest(method, s.base+path, bytes.NewReader(body))
		if err != nil {
			return a, "", err
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := s.http.Do(r)
		if err != nil {
			<-time.After(time.Duration(tries+1) * 10 * time.Millisecond) // for a second, that this test need not wait
			continue
		}
		text, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			continue
		}
		switch code := resp.StatusCode; {
		case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
			seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
			if err != nil {
				return a, "", fmt.Errorf("%d without Retry-After: %s", code, text)
			}
			<-time.After(time.Duration(seconds) * time.Second)
		case code < http.StatusBadRequest:
			err := json.Unmarshal(text, &a)
			return a, resp.Header.Get("Location"), err
		case code < http.StatusInternalServerError:
			return a, "", fmt.Errorf("%d: %s", code, text)
		}
	}
	return a, "", fmt.Errorf("%s %s: no answer", method, path)
}

// final asks until the status is one of the final ones in the tables of /docs#poll.
func (s *stranger) final(path, wait string) (answered, error) {
	ends := []string{"OK", "HasErrors", "Error", "NotProcessed", "Rejected", "Cancelled", "Expired", "Complete"}
	for {
		a, _, err := s.ask(http.MethodGet, path+wait, nil)
		if err != nil || slices.Contains(ends, a.Status) {
			return a, err
		}
	}
}

// flaky is a way to the server on which things go wrong, in turns: answers get lost, and a gateway is busy.
type flaky struct {
	way   http.RoundTripper
	turns int
}

var errLost = errors.New("the answer was lost")

func (f *flaky) RoundTrip(r *http.Request) (*http.Response, error) {
	f.turns++
	switch f.turns % 4 {
	case 1:
		resp, err := f.way.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		return nil, errors.Join(errLost, resp.Body.Close())
	case 2:
		return &http.Response{
			StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"0"}}, Body: http.NoBody, Request: r,
		}, nil
	}
	return f.way.RoundTrip(r)
}

// beStranger is "stranger CONVERSATION": a stranger sends three parts in another order than theirs, over a way on which
// answers get lost, and each is carried out once.
func beStranger(ts *testscript.TestScript, _ bool, args []string) {
	s := &stranger{base: "http://" + ts.Getenv("PARLEY_HTTP_ADDR"), http: http.Client{Transport: &flaky{way: http.DefaultTransport}, Timeout: patience}}
	locations := make(map[int]string)
	for _, k := range []int{3, 1, 2} {
		call := fmt.Appendf(nil, `{"method": "Create", "objects": [{"type": "Order", "customerKey": "row-%d", "correlationId": "line-%d"}],
			"options": {"conversationId": %q, "sequenceCode": %d, "callsInConversation": 3}}`, k, k, args[0], k)
		a, location, err := s.ask(http.MethodPost, "/v1/calls", call)
		ts.Check(err)
		if location == "" || a.RequestID == "" {
			ts.Fatalf("part %d is answered with %+v", k, a)
		}
		locations[k] = location
	}
	for k, location := range locations {
		a, err := s.final(location, "&wait=30s")
		ts.Check(err)
		if a.Status != "OK" || a.Attempts != 1 || a.Results[0].CorrelationID != fmt.Sprint("line-", k) {
			ts.Fatalf("part %d has come to %+v", k, a)
		}
	}
	a, err := s.final("/v1/conversations/"+url.PathEscape(args[0]), "?wait=30s")
	ts.Check(err)
	if a.Status != "Complete" || a.Received != 3 {
		ts.Fatalf("the conversation has come to %+v", a)
	}
}
