package control

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Maintenance holds the calls of a route back: they wait, none is dropped, and other routes are not slowed.
type Maintenance struct {
	// Route is the name of the route, which need not be one now.
	Route string
	// Reason is for people; By says who gave it.
	Reason, By string
	// Since is when it began.
	Since time.Time
	// Until is when it ends by itself; zero: it lasts until it is ended.
	Until time.Time
}

// Maintenance returns the maintenance of a route at a time; false: there is none.
func (c *Control) Maintenance(route string, now time.Time) (Maintenance, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e := c.maintenances[route]; e.lasts(now) {
		return e.maintenance, true
	}
	return Maintenance{}, false
}

// Begin puts a route into maintenance; one that is in maintenance stays in it on these terms. The error says that it
// may not have been written; to begin again is safe.
func (c *Control) Begin(ctx context.Context, m Maintenance) error {
	value, err := encodeMaintenance(m)
	if err != nil {
		return err
	}
	return c.write(ctx, maintenancePrefix+m.Route, value)
}

// End ends the maintenance of a route, if there is one. The error says that it may not have been written; to end again
// is safe.
func (c *Control) End(ctx context.Context, route string) error {
	return c.write(ctx, maintenancePrefix+route, nil)
}

// entry is what the last record of a route said.
type entry struct {
	// offset is that of the record: what is written here is applied before it is read, and an earlier record of
	// another process may be read after it.
	offset      int64
	ended       bool
	maintenance Maintenance
}

func (e entry) lasts(now time.Time) bool {
	m := e.maintenance
	return m.Route != "" && !e.ended && (m.Until.IsZero() || now.Before(m.Until))
}

const maintenancePrefix = "maintenance/"

// apply takes a record in, unless it is of another kind, cannot be read, or is not news; then it returns false.
func (c *Control) apply(r *kgo.Record) bool {
	route, ok := strings.CutPrefix(string(r.Key), maintenancePrefix)
	if !ok {
		return false
	}
	e := entry{offset: r.Offset, ended: len(r.Value) == 0}
	if !e.ended {
		var err error
		if e.maintenance, err = decodeMaintenance(route, r.Value); err != nil {
			c.log.Warn("maintenance not understood; what was said before stays in force",
				slog.String("route", route), slog.Int64("offset", r.Offset), slog.Any("error", err))
			return false
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.maintenances[route]; ok && known.offset >= e.offset {
		return false
	}
	c.maintenances[route] = e
	return true
}

// logChange says what a record that was applied has changed.
func (c *Control) logChange(r *kgo.Record) {
	route := strings.TrimPrefix(string(r.Key), maintenancePrefix)
	if m, lasts := c.Maintenance(route, time.Now()); lasts {
		c.log.Info("route in maintenance", m.attributes()...)
		return
	}
	c.log.Info("route not in maintenance", slog.String("route", route))
}

// logStanding says what was found at the start.
func (c *Control) logStanding() {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, e := range c.maintenances {
		if e.lasts(time.Now()) {
			c.log.Info("route in maintenance", e.maintenance.attributes()...)
		}
	}
}

func (m Maintenance) attributes() []any {
	all := []any{slog.String("route", m.Route), slog.String("reason", m.Reason), slog.String("by", m.By), slog.Time("since", m.Since)}
	if !m.Until.IsZero() {
		all = append(all, slog.Time("until", m.Until))
	}
	return all
}

// maintenanceVersion is the version of maintenanceJSON that this package writes, and the latest that it reads.
const maintenanceVersion = 1

// maintenanceJSON is a maintenance as it is written.
type maintenanceJSON struct {
	Version int       `json:"version"`
	Route   string    `json:"route"`
	Reason  string    `json:"reason"`
	By      string    `json:"by"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until,omitzero"`
}

func encodeMaintenance(m Maintenance) ([]byte, error) {
	b, err := json.Marshal(maintenanceJSON{
		Version: maintenanceVersion,
		Route:   m.Route,
		Reason:  m.Reason,
		By:      m.By,
		Since:   m.Since.UTC(),
		Until:   m.Until.UTC(),
	})
	if err != nil {
		return nil, fmt.Errorf("encode maintenance of %q: %w", m.Route, err)
	}
	return b, nil
}

// decodeMaintenance reads the value of a route's key. Members that it does not know are left alone.
func decodeMaintenance(route string, b []byte) (Maintenance, error) {
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(b, &version); err != nil {
		return Maintenance{}, fmt.Errorf("decode version: %w", err)
	}
	if version.Version < 1 || version.Version > maintenanceVersion {
		return Maintenance{}, fmt.Errorf("version is %d; this program knows up to %d: bring it to the version of the one that wrote it", version.Version, maintenanceVersion)
	}
	var m maintenanceJSON
	if err := json.Unmarshal(b, &m); err != nil {
		return Maintenance{}, fmt.Errorf("decode maintenance: %w", err)
	}
	if m.Route != route || route == "" {
		return Maintenance{}, fmt.Errorf("the value is of route %q", m.Route)
	}
	return Maintenance{Route: m.Route, Reason: m.Reason, By: m.By, Since: m.Since, Until: m.Until}, nil
}
