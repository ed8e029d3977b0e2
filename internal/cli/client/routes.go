package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"parley/schemas"
)

const routesPath = "/v1/routes"

// Routes returns the routes in force, in their order.
func (c *Client) Routes(ctx context.Context) ([]schemas.RouteResource, error) {
	all, err := get[schemas.RoutesResource](ctx, c, routesPath, url.Values{}, 0)
	return all.Routes, err
}

// BeginMaintenance puts a route into maintenance, or changes its terms.
func (c *Client) BeginMaintenance(ctx context.Context, route string, terms schemas.Maintenance) (m schemas.MaintenanceResource, _ error) {
	body, err := json.Marshal(terms)
	if err != nil {
		return m, fmt.Errorf("encode maintenance: %w", err)
	}
	a, err := c.maintain(ctx, http.MethodPut, route, body)
	if err != nil {
		return m, err
	}
	if a.status != http.StatusOK {
		return m, a.problem()
	}
	if err := json.Unmarshal(a.body, &m); err != nil {
		return m, fmt.Errorf("answer of %s: %w", c.base, err)
	}
	return m, nil
}

// EndMaintenance ends the maintenance of a route; when there is none, that is fine.
func (c *Client) EndMaintenance(ctx context.Context, route string) error {
	a, err := c.maintain(ctx, http.MethodDelete, route, nil)
	if err != nil {
		return err
	}
	if a.status != http.StatusNoContent {
		return a.problem()
	}
	return nil
}

func (c *Client) maintain(ctx context.Context, method, route string, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errSlow)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, c.base+routesPath+"/"+url.PathEscape(route)+"/maintenance", bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	return c.do(ctx, r)
}
