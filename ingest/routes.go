package ingest

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/internal/control"
	"parley/internal/route"
	"parley/schemas"
)

const (
	routesPath = "/v1/routes"
	// maintenancePath has the name of a route in it.
	maintenancePath = routesPath + "/:name/maintenance"
)

// Maintenances knows which routes are in maintenance, for all processes.
type Maintenances interface {
	Maintenance(route string, now time.Time) (control.Maintenance, bool)
	// Begin and End return when the change is kept. Their error says that nobody knows; the same may be asked for again.
	Begin(context.Context, control.Maintenance) error
	End(ctx context.Context, route string) error
}

// RouteWatch knows how the routes do in this process.
type RouteWatch interface {
	// RouteLoad returns false for a route of which nothing is known.
	RouteLoad(name string) (schemas.RouteLoad, bool)
}

// getRoutes answers the table in force.
func (s *Server) getRoutes(c echo.Context) error {
	if _, p := s.caller(c, account.Admin); p != nil {
		return p
	}
	routes := s.recorder.routes.Table().Routes()
	all := schemas.RoutesResource{Routes: make([]schemas.RouteResource, len(routes))}
	for i, r := range routes {
		all.Routes[i] = s.routeResource(r)
	}
	return answer(c, http.StatusOK, mimeJSON, all)
}

func (s *Server) routeResource(r route.Route) schemas.RouteResource {
	resource := schemas.RouteResource{
		Name:         r.Name,
		Match:        schemas.RouteMatch(r.Match),
		Executor:     executorResource(r.Executor),
		Delivery:     string(r.Delivery),
		Idempotent:   r.Idempotent,
		Concurrency:  r.Concurrency,
		RateLimit:    r.RateLimit,
		Retry:        schemas.RouteRetry{Initial: r.Retry.Initial.String(), Max: r.Retry.Max.String(), MaxAttempts: r.Retry.MaxAttempts},
		DeferTimeout: r.DeferTimeout.String(),
	}
	if r.Batch.Max > 1 {
		resource.Batch = &schemas.RouteBatch{Max: r.Batch.Max, Linger: r.Batch.Linger.String()}
	}
	if m, ok := s.maintenances.Maintenance(r.Name, s.now()); ok {
		shown := maintenanceResource(m)
		resource.Maintenance = &shown
	}
	if s.routeWatch != nil {
		if load, ok := s.routeWatch.RouteLoad(r.Name); ok {
			resource.Load = &load
		}
	}
	return resource
}

func executorResource(e route.Executor) schemas.RouteExecutor {
	if e.Type == route.Kafka {
		return schemas.RouteExecutor{Type: e.Type, Topic: e.Topic, ReplyTopic: e.ReplyTopic}
	}
	return schemas.RouteExecutor{
		Type: e.Type, URL: e.PublicURL(), Timeout: e.Timeout.String(),
		From: e.From, ReplyTo: e.ReplyTo, AwaitReply: e.AwaitReply,
	}
}
