package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"parley/schemas"
)

// eraseTimeout bounds an erasure: the owners look at all that they hold, and ClickHouse writes rows anew.
const eraseTimeout = 90 * time.Second

// Erase erases what is held and recorded of a person, and tells what that was.
func (c *Client) Erase(ctx context.Context, e schemas.Erasure) (erased schemas.ErasureResource, _ error) {
	ctx, cancel := context.WithTimeoutCause(ctx, eraseTimeout, errSlow)
	defer cancel()
	r, err := c.commandRequest(ctx, http.MethodPost, "/v1/erasures", e)
	if err != nil {
		return erased, err
	}
	a, err := c.do(ctx, r)
	if err != nil {
		return erased, err
	}
	if a.status != http.StatusOK {
		return erased, a.problem()
	}
	if err := json.Unmarshal(a.body, &erased); err != nil {
		return erased, fmt.Errorf("answer of %s: %w", c.base, err)
	}
	return erased, nil
}
