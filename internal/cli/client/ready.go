package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrNotReady is of a node that cannot do what it is there for.
var ErrNotReady = errors.New("it is not ready")

// Ready returns what a node says, within a time, of what it relies on, a line each. The error is ErrNotReady when it is not ready.
func (c *Client) Ready(ctx context.Context, within time.Duration) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, errSlow)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/readyz", nil)
	if err != nil {
		return "", fmt.Errorf("make request: %w", err)
	}
	a, err := c.do(ctx, r)
	switch {
	case err != nil:
		return "", err
	case a.status != http.StatusOK:
		return string(a.body), fmt.Errorf("%s: %w", c.base, ErrNotReady)
	}
	return string(a.body), nil
}
