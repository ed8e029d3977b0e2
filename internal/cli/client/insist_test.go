package client_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/cli/client"
)

func TestInsist(t *testing.T) {
	t.Parallel()
	said := &client.UnavailableError{Err: &client.RefusedError{Status: http.StatusServiceUnavailable}}
	later := &client.UnavailableError{After: 4 * time.Second, Err: said.Err}
	unreached := &client.UnavailableError{Err: errors.New("no answer")}
	wrong := &client.RefusedError{Status: http.StatusNotFound}
	for name, tt := range map[string]struct {
		patience client.Patience
		// answers come one after the other, and the last again and again; nil ends it.
		answers []error
		want    error
		took    time.Duration
	}{
		"at once":                 {answers: []error{nil}},
		"wrong":                   {client.Patience{For: time.Minute, Unreached: true}, []error{wrong}, wrong, 0},
		"can after a while":       {client.Patience{For: time.Minute}, []error{said, said, nil}, nil, time.Second},
		"when it is said":         {client.Patience{For: time.Minute}, []error{later, nil}, nil, 4 * time.Second},
		"never":                   {client.Patience{For: 2 * time.Second}, []error{said}, said, 2500 * time.Millisecond},
		"not reached":             {client.Patience{For: time.Minute}, []error{unreached}, unreached, 0},
		"reached after a while":   {client.Patience{For: time.Minute, Unreached: true}, []error{unreached, nil}, nil, 500 * time.Millisecond},
		"ends with the context":   {client.Patience{For: time.Hour}, []error{said}, context.DeadlineExceeded, 10 * time.Minute},
		"wrong after not reached": {client.Patience{For: time.Minute, Unreached: true}, []error{unreached, wrong}, wrong, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				began, n := time.Now(), 0
				err := client.Insist(ctx, tt.patience, func() error {
					n++
					return tt.answers[min(n, len(tt.answers))-1]
				})
				if took := time.Since(began); !errors.Is(err, tt.want) || took != tt.took {
					t.Errorf("%v after %s, want %v after %s", err, took, tt.want, tt.took)
				}
			})
		})
	}
}
