package ingest

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/control"
	"parley/schemas"
)

// fakeControl keeps maintenances in memory, as long as it has no error.
type fakeControl struct {
	mu  sync.Mutex
	all map[string]control.Maintenance
	err error
}

func (f *fakeControl) Maintenance(route string, now time.Time) (control.Maintenance, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, ok := f.all[route]
	return m, ok && (m.Until.IsZero() || now.Before(m.Until))
}

func (f *fakeControl) Begin(_ context.Context, m control.Maintenance) error { return f.put(m) }

func (f *fakeControl) put(m control.Maintenance) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	if f.all == nil {
		f.all = make(map[string]control.Maintenance)
	}
	f.all[m.Route] = m
	return nil
}

func (f *fakeControl) End(_ context.Context, route string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		delete(f.all, route)
	}
	return f.err
}

const crmMaintenance = routesPath + "/crm/maintenance"

func TestMaintenance(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	now := began
	h := startWithRoutes(t, func(c *Config) { c.Now = func() time.Time { return now } })
	put := func(body string) (m schemas.MaintenanceResource) {
		t.Helper()
		r := h.do(t, http.MethodPut, crmMaintenance, []byte(body), accountHeader, "ops")
		if r.status != http.StatusOK {
			t.Fatalf("status %d: %s", r.status, r.body)
		}
		r.decode(t, &m)
		return m
	}
	if m := put(`{"reason":"moves"}`); m.Route != "crm" || m.Reason != "moves" || m.By != "ops" || !m.Since.Equal(began) || m.Until != nil {
		t.Errorf("maintenance %+v", m)
	}
	now = began.Add(time.Minute)
	until := began.Add(time.Hour)
	m := put(`{"reason":"takes longer","until":"2026-12-01T10:00:00+01:00"}`)
	if m.Reason != "takes longer" || !m.Since.Equal(began) || m.Until == nil || !m.Until.Equal(until) {
		t.Errorf("on other terms %+v, want that it is since %s", m, began)
	}
	want := map[string]control.Maintenance{"crm": {Route: "crm", Reason: "takes longer", By: "ops", Since: began, Until: until}}
	if !maps.Equal(h.control.all, want) {
		t.Errorf("kept %+v, want %+v", h.control.all, want)
	}
	for range 2 { // the second time there is none
		if r := h.do(t, http.MethodDelete, crmMaintenance, nil); r.status != http.StatusNoContent || len(r.body) != 0 {
			t.Errorf("DELETE: status %d, body %q", r.status, r.body)
		}
	}
	if _, ok := h.control.Maintenance("crm", now); ok {
		t.Error("it is still in maintenance")
	}
}

func TestMaintenanceRefuses(t *testing.T) {
	t.Parallel()
	h := startWithRoutes(t)
	tests := []struct {
		name, method, path, body string
		status                   int
		code                     schemas.Code
		pointer                  string
	}{
		{"an unknown route", http.MethodPut, routesPath + "/nobody/maintenance", `{"reason":"r"}`, 404, schemas.NotFound, ""},
		{"an impossible name", http.MethodPut, routesPath + "/a%2Fb/maintenance", `{"reason":"r"}`, 404, schemas.NotFound, ""},
		{"the end of an unknown route's", http.MethodDelete, routesPath + "/nobody/maintenance", "", 404, schemas.NotFound, ""},
		{"no reason", http.MethodPut, crmMaintenance, `{}`, 400, schemas.InvalidBody, "/reason"},
		{"no body", http.MethodPut, crmMaintenance, ``, 400, schemas.InvalidBody, ""},
		{"a misspelt member", http.MethodPut, crmMaintenance, `{"reason":"r","till":null}`, 400, schemas.InvalidBody, "/till"},
		{"a time that has passed", http.MethodPut, crmMaintenance, `{"reason":"r","until":"2020-01-01T00:00:00Z"}`, 400, schemas.InvalidParameter, "/until"},
		{"a book", http.MethodPut, crmMaintenance, `{"reason":"` + strings.Repeat("a", 20_000) + `"}`, 413, schemas.TooLarge, ""},
		{"another method", http.MethodPost, crmMaintenance, `{"reason":"r"}`, 405, schemas.InvalidParameter, ""},
	}
	for _, tt := range tests {
		r := h.do(t, tt.method, tt.path, []byte(tt.body))
		if p := r.problem(t); r.status != tt.status || p.Code != tt.code || p.Pointer != tt.pointer {
			t.Errorf("%s: %s, want %d %s at %q", tt.name, r.body, tt.status, tt.code, tt.pointer)
		}
	}
	if len(h.control.all) != 0 {
		t.Errorf("kept %+v", h.control.all)
	}
}

func TestMaintenanceWithoutKafka(t *testing.T) {
	t.Parallel()
	h := startWithRoutes(t)
	h.control.err = errors.New("no broker")
	for method, body := range map[string]string{http.MethodPut: `{"reason":"r"}`, http.MethodDelete: ""} {
		r := h.do(t, method, crmMaintenance, []byte(body))
		if p := r.problem(t); p.Code != schemas.QueueUnavailable || r.header.Get("Retry-After") == "" {
			t.Errorf("%s: %s, Retry-After %q", method, r.body, r.header.Get("Retry-After"))
		}
	}
}
