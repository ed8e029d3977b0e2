package inbox

import (
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/schemas"
)

// answer makes the record of an answer to a deferred call. Its token must be good, and the processor takes it only if the
// call is one of the account: only there is it known whose call the token names.
func (c *Config) answer(account string, value []byte) (*kgo.Record, *schemas.Problem) {
	said, p := schemas.DecodeAnswer(value)
	if p != nil {
		return nil, p
	}
	t, p := c.Tokens.Check(said.Token, c.Now(), c.Partitions)
	if p != nil {
		return nil, p
	}
	made := c.command(t.Partition, schemas.RecordAnswer, schemas.RecordKey(account, "", t.RequestID), value)
	made.Headers = append(made.Headers, kgo.RecordHeader{Key: schemas.HeaderAccount, Value: []byte(account)})
	return made, nil
}

// cancel makes the record of a cancel of a conversation of the account.
func (c *Config) cancel(account string, value []byte) (*kgo.Record, *schemas.Problem) {
	asked, p := c.Limits.DecodeCancel(account, value)
	if p != nil {
		return nil, p
	}
	var id schemas.RequestID
	if asked.RequestID != "" {
		id = uuid.MustParse(asked.RequestID)
	}
	complete, err := schemas.EncodeCancel(asked)
	if err != nil {
		return nil, &schemas.Problem{Code: schemas.InvalidBody, Detail: err.Error()}
	}
	partition := topics.OfConversation(schemas.NewConversationKey(account, asked.ConversationID, id), c.Partitions)
	return c.command(partition, schemas.RecordCancel, schemas.RecordKey(account, asked.ConversationID, id), complete), nil
}

func (c *Config) command(partition int32, kind, key string, value []byte) *kgo.Record {
	return topics.Command(c.Topics.Calls, partition, kind, key, value)
}
