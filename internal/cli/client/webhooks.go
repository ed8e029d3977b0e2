package client

import (
	"context"
	"net/http"
	"net/url"

	"parley/schemas"
)

const webhooksPath = "/v1/webhooks"

// Webhooks returns what the callbacks of the account are signed with, and which of its targets are disabled.
func (c *Client) Webhooks(ctx context.Context) (schemas.WebhooksResource, error) {
	return get[schemas.WebhooksResource](ctx, c, webhooksPath, url.Values{}, 0)
}

// RotateWebhookSecret makes a secret in place of those before.
func (c *Client) RotateWebhookSecret(ctx context.Context, r schemas.WebhookRotation) (schemas.WebhooksResource, error) {
	return command[schemas.WebhooksResource](ctx, c, http.MethodPost, webhooksPath+"/secrets", r, http.StatusCreated)
}

// RetireWebhookSecret ends a secret that was replaced.
func (c *Client) RetireWebhookSecret(ctx context.Context, id string) (schemas.WebhooksResource, error) {
	return command[schemas.WebhooksResource](ctx, c, http.MethodDelete, webhooksPath+"/secrets/"+url.PathEscape(id), nil, http.StatusOK)
}

// EnableTarget has an address called again that has answered 410.
func (c *Client) EnableTarget(ctx context.Context, address string) (schemas.WebhooksResource, error) {
	return command[schemas.WebhooksResource](ctx, c, http.MethodPost, webhooksPath+"/enable", schemas.WebhookEnabling{ResponseAddress: address}, http.StatusOK)
}
