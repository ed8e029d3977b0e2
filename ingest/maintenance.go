package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/internal/control"
	"parley/schemas"
)

// putMaintenance puts a route into maintenance, or changes the terms on which it is in it.
func (s *Server) putMaintenance(c echo.Context) error {
	who, name, err := s.namedRoute(c)
	if err != nil {
		return err
	}
	body, err := s.smallBody(c.Request())
	if err != nil {
		return err
	}
	asked, p := schemas.DecodeMaintenance(body)
	if p != nil {
		return p
	}
	now := s.now()
	if !asked.Until.IsZero() && !asked.Until.After(now) {
		return &schemas.Problem{Code: schemas.InvalidParameter, Pointer: "/until", Detail: "this time has passed; leave it out, and end the maintenance with DELETE"}
	}
	m := control.Maintenance{Route: name, Reason: asked.Reason, By: who.String(), Since: now.UTC(), Until: asked.Until.UTC()}
	detail(c, slog.String("reason", m.Reason))
	if !m.Until.IsZero() {
		detail(c, slog.Time("until", m.Until))
	}
	if running, ok := s.maintenances.Maintenance(name, now); ok {
		m.Since = running.Since
	}
	if err := s.control(c, func(ctx context.Context) error { return s.maintenances.Begin(ctx, m) }); err != nil {
		return err
	}
	return answer(c, http.StatusOK, mimeJSON, maintenanceResource(m))
}

// deleteMaintenance ends the maintenance of a route; when there is none, that is fine.
func (s *Server) deleteMaintenance(c echo.Context) error {
	_, name, err := s.namedRoute(c)
	if err != nil {
		return err
	}
	if err := s.control(c, func(ctx context.Context) error { return s.maintenances.End(ctx, name) }); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// namedRoute is who asks, and the name of the route that is asked for.
func (s *Server) namedRoute(c echo.Context) (who account.Caller, name string, _ error) {
	who, p := s.caller(c, account.Admin)
	if p != nil {
		return who, "", p
	}
	name = c.Param("name")
	detail(c, slog.String("route", name))
	if _, ok := s.recorder.routes.Named(name); !ok {
		return who, "", &schemas.Problem{Code: schemas.NotFound, Detail: fmt.Sprintf("no route is named %.100q; GET %s has their names", name, routesPath)}
	}
	return who, name, nil
}

// control makes a change that all processes must hear of, as long as Kafka may take for a call.
func (s *Server) control(c echo.Context, change func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), s.producer.timeout)
	defer cancel()
	if err := change(ctx); err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "control topic not written; whoever asked was told to ask again", slog.String("path", c.Path()), slog.Any("error", err))
		return &schemas.Problem{Code: schemas.QueueUnavailable, Detail: "Kafka has not confirmed the change, which may come about or not; send the request again"}
	}
	return nil
}

func maintenanceResource(m control.Maintenance) schemas.MaintenanceResource {
	r := schemas.MaintenanceResource{Route: m.Route, Reason: m.Reason, By: m.By, Since: m.Since}
	if !m.Until.IsZero() {
		r.Until = &m.Until
	}
	return r
}
