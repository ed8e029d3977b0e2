package client

import (
	"context"
	"net/url"

	"parley/schemas"
)

// Audit returns the books of all partitions.
func (c *Client) Audit(ctx context.Context) (schemas.AuditResource, error) {
	return get[schemas.AuditResource](ctx, c, "/v1/audit", url.Values{}, 0)
}
