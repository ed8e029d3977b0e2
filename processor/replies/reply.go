package replies

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/token"
	"parley/schemas"
)

// headerToken names the call that a reply answers, as the request did.
const headerToken = "parley-deferred-token"

// answer is the record on parley.calls that a reply becomes; else the problem says why it can be none.
func (c *Config) answer(r *kgo.Record, now time.Time) (*kgo.Record, *schemas.Problem) {
	a, problem := schemas.DecodeAnswer(r.Value)
	if problem != nil {
		return nil, problem
	}
	if problem := named(a, r); problem != nil {
		return nil, problem
	}
	t, problem := c.verify(a.Token, now)
	if problem != nil {
		return nil, problem
	}
	value, err := schemas.EncodeAnswer(a)
	if err != nil {
		return nil, &schemas.Problem{Code: schemas.InvalidBody, Detail: err.Error()}
	}
	return &kgo.Record{
		Topic:     c.Topics.Calls,
		Partition: t.Partition,
		Key:       []byte(t.RequestID.String()),
		Value:     value,
		Headers: []kgo.RecordHeader{
			{Key: schemas.HeaderType, Value: []byte(schemas.RecordAnswer)},
			{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentJSON)},
		},
	}, nil
}

// named gives the answer the token of the record's header, unless it has it already.
func named(a *schemas.Answer, r *kgo.Record) *schemas.Problem {
	for _, h := range r.Headers {
		if h.Key != headerToken {
			continue
		}
		if given := string(h.Value); a.Token == "" {
			a.Token = given
		} else if a.Token != given {
			return &schemas.Problem{Code: schemas.InvalidBody, Pointer: "/token", Detail: "the header " + headerToken + " has another token"}
		}
	}
	if a.Token == "" {
		return &schemas.Problem{Code: schemas.InvalidBody, Pointer: "/token", Detail: "the reply does not say what it answers: give the token of the request here or in the header " + headerToken}
	}
	return nil
}

func (c *Config) verify(text string, now time.Time) (token.Token, *schemas.Problem) {
	t, err := c.Tokens.Verify(text, now)
	switch {
	case errors.Is(err, token.ErrExpired):
		return t, &schemas.Problem{Code: schemas.CodeExpired, Pointer: "/token", Detail: "the token expired at " + t.Expires.Format(time.RFC3339)}
	case err != nil:
		return t, &schemas.Problem{Code: schemas.Forbidden, Pointer: "/token", Detail: err.Error()}
	case t.Partition < 0 || t.Partition >= c.Partitions:
		return t, &schemas.Problem{Code: schemas.Forbidden, Pointer: "/token", Detail: fmt.Sprintf("names partition %d of %d", t.Partition, c.Partitions)}
	}
	return t, nil
}
