package control

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"

	"parley/schemas"
)

// Subscriber is a reader with a queue of its own.
type Subscriber struct {
	ID      schemas.SubscriberID
	Account string
	// Subscriber is what it wants.
	schemas.Subscriber
	// Begins has for each partition of the results the offset from which on events are for this subscriber: what its end
	// was when the subscriber was asked for.
	Begins []int64
	// Created is when it was made, Deleted when it was taken back; zero: it was not. One that was keeps its number.
	Created, Deleted time.Time
	// By is who did the last of that.
	By string
}

// Live reports whether there is a subscriber, and it is not deleted.
func (s *Subscriber) Live() bool { return s != nil && s.Deleted.IsZero() }

// Subscriber returns the one with a number, also when it is deleted; nil: there never was one. Its user must not change it.
func (c *Control) Subscriber(id schemas.SubscriberID) *Subscriber {
	return c.subscribers.get(id.String())
}

// Subscribers are all that there ever were.
func (c *Control) Subscribers() []*Subscriber { return c.subscribers.all() }

// PutSubscriber keeps a subscriber, new or changed. The error says that it may not have been written; to put it again is
// safe.
func (c *Control) PutSubscriber(ctx context.Context, s Subscriber) error {
	value, err := encodeSubscriber(s)
	if err != nil {
		return err
	}
	return c.write(ctx, subscriberPrefix+s.ID.String(), value)
}

const subscriberPrefix = "subscriber/"

func (c *Control) kindSubscriber() kind[Subscriber] {
	return kind[Subscriber]{
		prefix: subscriberPrefix,
		decode: decodeSubscriber,
		log:    c.logSubscriber,
		ill: func(name string, offset, err slog.Attr) {
			c.log.Warn("subscriber not understood; what was said before stays in force", slog.String("subscriber", name), offset, err)
		},
	}
}

func (c *Control) logSubscriber(id string, _, is *Subscriber) {
	if is == nil {
		c.log.Info("subscriber removed", audited, slog.String("subscriber", id))
		return
	}
	all := []any{audited, slog.String("subscriber", id), slog.String("account", is.Account), slog.String("name", is.Name), slog.String("by", is.By)}
	if is.Live() {
		c.log.Info("subscriber made", all...)
		return
	}
	c.log.Info("subscriber deleted", all...)
}

// subscriberVersion is the version of subscriberJSON that this package writes, and the latest that it reads.
const subscriberVersion = 1

// subscriberJSON is a subscriber as it is written.
type subscriberJSON struct {
	Version          int                  `json:"version"`
	ID               schemas.SubscriberID `json:"id"`
	Account          string               `json:"account"`
	Name             string               `json:"name"`
	TransactionTypes []string             `json:"transactionTypes"`
	ObjectTypes      []string             `json:"objectTypes,omitempty"`
	MaxBlockCount    int                  `json:"maxBlockCount"`
	WarnDepth        int64                `json:"warnDepth"`
	FullDepth        int64                `json:"fullDepth"`
	Begins           []int64              `json:"begins"`
	Created          time.Time            `json:"created"`
	Deleted          time.Time            `json:"deleted,omitzero"`
	By               string               `json:"by"`
}

func encodeSubscriber(s Subscriber) ([]byte, error) {
	b, err := json.Marshal(subscriberJSON{
		Version:          subscriberVersion,
		ID:               s.ID,
		Account:          s.Account,
		Name:             s.Name,
		TransactionTypes: s.TransactionTypes,
		ObjectTypes:      s.ObjectTypes,
		MaxBlockCount:    s.MaxBlockCount,
		WarnDepth:        s.WarnDepth,
		FullDepth:        s.FullDepth,
		Begins:           s.Begins,
		Created:          s.Created.UTC(),
		Deleted:          s.Deleted.UTC(),
		By:               s.By,
	})
	if err != nil {
		return nil, fmt.Errorf("encode subscriber %s: %w", s.ID, err)
	}
	return b, nil
}

// decodeSubscriber reads the value of a subscriber's number.
func decodeSubscriber(id string, value []byte) (Subscriber, error) {
	said, err := decodeVersion[subscriberJSON](value, subscriberVersion)
	if err != nil {
		return Subscriber{}, err
	}
	s := Subscriber{
		ID:      said.ID,
		Account: said.Account,
		Subscriber: schemas.Subscriber{
			Name:             said.Name,
			TransactionTypes: said.TransactionTypes,
			ObjectTypes:      said.ObjectTypes,
			MaxBlockCount:    said.MaxBlockCount,
			WarnDepth:        said.WarnDepth,
			FullDepth:        said.FullDepth,
		},
		Begins:  said.Begins,
		Created: said.Created,
		Deleted: said.Deleted,
		By:      said.By,
	}
	if parsed, err := schemas.ParseSubscriberID(id); err != nil || parsed != s.ID {
		return Subscriber{}, fmt.Errorf("the value is of subscriber %s", s.ID)
	}
	if !schemas.ValidAccount(s.Account) {
		return Subscriber{}, fmt.Errorf("%.100q is no account", s.Account)
	}
	if p := s.Check(); p != nil {
		return Subscriber{}, p
	}
	return s, nil
}
