package control

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"
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
	if m := c.maintenances.get(route); m.lasts(now) {
		return *m, true
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

func (m *Maintenance) lasts(now time.Time) bool {
	return m != nil && (m.Until.IsZero() || now.Before(m.Until))
}

const maintenancePrefix = "maintenance/"

func (c *Control) kindMaintenance() kind[Maintenance] {
	return kind[Maintenance]{
		prefix: maintenancePrefix,
		decode: decodeMaintenance,
		log:    c.logMaintenance,
		ill: func(name string, offset, err slog.Attr) {
			c.log.Warn("maintenance not understood; what was said before stays in force", slog.String("route", name), offset, err)
		},
	}
}

func (c *Control) logMaintenance(route string, _, is *Maintenance) {
	if is.lasts(time.Now()) {
		c.log.Info("route in maintenance", is.attributes()...)
		return
	}
	c.log.Info("route not in maintenance", slog.String("route", route))
}

// logMaintenances says what was found at the start.
func (c *Control) logMaintenances() {
	for _, m := range c.maintenances.all() {
		if m.lasts(time.Now()) {
			c.log.Info("route in maintenance", m.attributes()...)
		}
	}
}

func (m *Maintenance) attributes() []any {
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

// decodeMaintenance reads the value of a route's key.
func decodeMaintenance(route string, b []byte) (Maintenance, error) {
	m, err := decodeVersion[maintenanceJSON](b, maintenanceVersion)
	if err != nil {
		return Maintenance{}, err
	}
	if m.Route != route || route == "" {
		return Maintenance{}, fmt.Errorf("the value is of route %q", m.Route)
	}
	return Maintenance{Route: m.Route, Reason: m.Reason, By: m.By, Since: m.Since, Until: m.Until}, nil
}
