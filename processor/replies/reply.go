package replies

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/schemas"
)

// answer is the record on parley.calls that a reply becomes; else the problem says why it can be none.
func (c *Config) answer(r *kgo.Record, now time.Time) (*kgo.Record, *schemas.Problem) {
	a, problem := schemas.DecodeAnswer(r.Value)
	if problem != nil {
		return nil, problem
	}
	if problem := named(a, r); problem != nil {
		return nil, problem
	}
	t, problem := c.Tokens.Check(a.Token, now, c.Partitions)
	if problem != nil {
		return nil, problem
	}
	value, err := schemas.EncodeAnswer(a)
	if err != nil {
		return nil, &schemas.Problem{Code: schemas.InvalidBody, Detail: err.Error()}
	}
	return topics.WithTrace(&kgo.Record{
		Topic:     c.Topics.Calls,
		Partition: t.Partition,
		Key:       []byte(t.RequestID.String()),
		Value:     value,
		Headers: []kgo.RecordHeader{
			{Key: schemas.HeaderType, Value: []byte(schemas.RecordAnswer)},
			{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentJSON)},
		},
	}, topics.TraceOf(r)), nil
}

// named gives the answer the token of the record's header, unless it has it already.
func named(a *schemas.Answer, r *kgo.Record) *schemas.Problem {
	for _, h := range r.Headers {
		if h.Key != schemas.HeaderDeferredToken {
			continue
		}
		if given := string(h.Value); a.Token == "" {
			a.Token = given
		} else if a.Token != given {
			return &schemas.Problem{Code: schemas.InvalidBody, Pointer: "/token", Detail: "the header " + schemas.HeaderDeferredToken + " has another token"}
		}
	}
	if a.Token == "" {
		return &schemas.Problem{Code: schemas.InvalidBody, Pointer: "/token", Detail: "the reply does not say what it answers: give the token of the request here or in the header " + schemas.HeaderDeferredToken}
	}
	return nil
}
