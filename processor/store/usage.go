package store

import (
	"parley/processor/conversation"
	"parley/schemas"
)

// Usage returns what the partition holds of an account.
func (v *View) Usage(account string) (schemas.AccountUsage, error) {
	var u schemas.AccountUsage
	err := v.Conversations(account, func(key schemas.ConversationKey, s conversation.State) error {
		u.OpenCalls += s.Open()
		parts := partsKey(v.partition, key)
		return scan(v.db, parts, behind(parts), func(k, value []byte) (bool, error) {
			p, err := decodePart(k, value)
			if s.Phase == conversation.Ended {
				u.KeptBytes += int64(len(p.Call))
			} else {
				u.StagedBytes += int64(len(p.Call))
			}
			return true, err
		})
	})
	return u, err
}

// Conversations calls f with each conversation of an account.
func (v *View) Conversations(account string, f func(schemas.ConversationKey, conversation.State) error) error {
	from := conversationKey(v.partition, schemas.ConversationKey(account+"\x00"))
	return scan(v.db, from, behind(from), func(k, value []byte) (bool, error) {
		r, err := decodeRecord(k, value)
		if err != nil {
			return false, err
		}
		return true, f(schemas.ConversationKey(k[prefixLen:]), r.state)
	})
}
