package schemas

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
)

// QueuedTransaction is a transaction as it lies in a queue: in its JSON form, with no more results than fit, and without the id, which
// its place gives it.
type QueuedTransaction []byte

// queuedBegin is how each begins.
const queuedBegin = `{"type":`

// Queued is the transaction as it is put into queues. It is cut when it is too long.
func (t *Transaction) Queued() (QueuedTransaction, error) {
	q, err := t.queued()
	if err != nil || len(q) <= TransactionResultsMax {
		return q, err
	}
	t.Cut(func(r ResultResource) int {
		var one jsonText
		one.results([]ResultResource{r}) // its error comes again below
		return len(one.b)
	})
	if q, err = t.queued(); err != nil || len(q) <= QueuedBytesMax || t.Call == nil {
		return q, err
	}
	t.keep(0) // what is around them is all but as long, with escapes in every place
	return t.queued()
}

func (t *Transaction) queued() (QueuedTransaction, error) {
	j := jsonText{b: make([]byte, 0, jsonRoom)}
	j.text(queuedBegin, t.Type)
	j.text(`,"sequence":`, t.Sequence)
	j.time(`,"timestamp":`, t.Timestamp)
	if t.Truncated {
		j.text(`,"truncated":true,"link":`, t.Link)
	}
	switch {
	case t.Call != nil:
		j.raw(`,"call":`)
		j.call(t.Call)
	case t.Conversation != nil:
		j.raw(`,"conversation":`)
		b, err := t.Conversation.AppendJSON(j.b)
		if err != nil {
			return nil, err
		}
		j.b = b
	}
	j.raw(`}`)
	return j.done()
}

// AppendJSON appends the transaction in its JSON form: the id comes first, the rest is what lies in the queue.
func (q QueuedTransaction) AppendJSON(to []byte, id int64) ([]byte, error) {
	if !bytes.HasPrefix(q, []byte(queuedBegin)) {
		return nil, fmt.Errorf("%.40q is no transaction of a queue", []byte(q))
	}
	to = append(to, `{"transactionId":`...)
	to = strconv.AppendInt(to, id, 10)
	to = append(to, ',')
	return append(to, q[1:]...), nil
}

// Transaction reads it.
func (q QueuedTransaction) Transaction(id int64) (*Transaction, error) {
	t := new(Transaction)
	if err := json.Unmarshal(q, t); err != nil {
		return nil, fmt.Errorf("decode transaction of a queue: %w", err)
	}
	t.ID = id
	return t, nil
}
