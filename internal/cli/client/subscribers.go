package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"parley/schemas"
)

const subscribersPath = "/v1/subscribers"

// Subscribers are those of the account.
func (c *Client) Subscribers(ctx context.Context) ([]schemas.SubscriberResource, error) {
	all, err := get[struct {
		Subscribers []schemas.SubscriberResource `json:"subscribers"`
	}](ctx, c, subscribersPath, url.Values{}, 0)
	return all.Subscribers, err
}

// Subscriber is one of them, with how its queue stands.
func (c *Client) Subscriber(ctx context.Context, id schemas.SubscriberID) (schemas.SubscriberResource, error) {
	return get[schemas.SubscriberResource](ctx, c, subscriberPath(id), url.Values{}, 0)
}

// CreateSubscriber makes a subscriber.
func (c *Client) CreateSubscriber(ctx context.Context, s schemas.Subscriber) (schemas.SubscriberResource, error) {
	var made schemas.SubscriberResource
	err := c.subscriber(ctx, question{http.MethodPost, subscribersPath, s, http.StatusCreated}, &made)
	return made, err
}

// DeleteSubscriber takes one back, with its queue.
func (c *Client) DeleteSubscriber(ctx context.Context, id schemas.SubscriberID) error {
	return c.subscriber(ctx, question{http.MethodDelete, subscriberPath(id), nil, http.StatusNoContent}, nil)
}

// Dequeue acknowledges, and takes the block that follows.
func (c *Client) Dequeue(ctx context.Context, id schemas.SubscriberID, d schemas.Dequeue) (schemas.TransactionBlock, error) {
	var b schemas.TransactionBlock
	err := c.subscriber(ctx, question{http.MethodPost, subscriberPath(id) + "/dequeue", d, http.StatusOK}, &b)
	return b, err
}

func subscriberPath(id schemas.SubscriberID) string { return subscribersPath + "/" + id.String() }

// question is a request, with the status of an answer that is none of a problem.
type question struct {
	method, path string
	body         any
	want         int
}

// subscriber asks, and reads the answer into something; nil: there is none.
func (c *Client) subscriber(ctx context.Context, q question, into any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errSlow)
	defer cancel()
	r, err := c.commandRequest(ctx, q.method, q.path, q.body)
	if err != nil {
		return err
	}
	a, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	if a.status != q.want {
		return a.problem()
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		return fmt.Errorf("answer of %s: %w", c.base, err)
	}
	return nil
}
