package httppost_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"parley/internal/account"
	"parley/internal/egress"
	"parley/processor/notify"
	"parley/processor/notify/httppost"
)

// still is what is agreed on about an account, while nothing changes.
type still struct{ secrets account.CallbackSecrets }

func (s still) CallbackSecrets(context.Context, string) (account.CallbackSecrets, error) {
	return s.secrets, nil
}
func (still) DisabledTarget(string, string) *account.DisabledTarget { return nil }
func (still) DisableTarget(context.Context, account.DisabledTarget) error {
	return nil
}

// BenchmarkSend is beside what the same posts cost without a guard and a signature: the same bodies of 1 KB, to the same
// receiver, over plain http, by as many goroutines. A form has the results of two objects in it, which is 2 KB.
func BenchmarkSend(b *testing.B) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // what it is, nobody asks
		w.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(receiver.Close)
	body := []byte(`{"type":"call.completed","call":"` + strings.Repeat("x", 1_000) + `"}`)
	const parallel = 32 // goroutines for each processor
	document, form := notification(receiver.URL), notification(receiver.URL)
	document.Body = body
	form.Soap, form.Call, form.Target.IncludeResults = true, part(), true
	for name, n := range map[string]*notify.Notification{"sender": document, "form": form} {
		b.Run(name, func(b *testing.B) {
			allow, err := egress.ParseNetworks([]string{"127.0.0.1/32"})
			if err != nil {
				b.Fatal(err)
			}
			s := httppost.New(httppost.Config{
				Accounts: still{secrets: agree().secrets},
				Egress:   egress.TransportConfig{Guard: egress.New(allow), IdlePerHost: 256},
			})
			b.Cleanup(s.Close)
			b.SetParallelism(parallel)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if v := s.Send(b.Context(), n); v.Kind != notify.Taken {
						b.Errorf("%+v", v)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
		})
	}
	b.Run("bare", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
		b.Cleanup(client.CloseIdleConnections)
		b.SetParallelism(parallel)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				response, err := client.Post(receiver.URL, "application/json", bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					continue
				}
				_, _ = io.Copy(io.Discard, response.Body) // as above
				response.Body.Close()
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
	})
}
