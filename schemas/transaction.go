package schemas

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	parleyv1 "parley/schemas/parley/v1"
)

// Transaction is one thing in the queue of a subscriber: a call or a conversation that has ended.
type Transaction struct {
	// ID rises along the queue, and not by one: it is the offset in the queue's topic + 1.
	ID int64 `json:"transactionId"`
	// Type is one of TransactionTypes.
	Type string `json:"type"`
	// Sequence is that of the event, the same by every way in which it is told.
	Sequence string `json:"sequence"`
	// Timestamp is when it ended.
	Timestamp *time.Time `json:"timestamp"`
	// Call or Conversation is what ended; a conversation is without its calls.
	Call         *CallResource         `json:"call,omitempty"`
	Conversation *ConversationResource `json:"conversation,omitempty"`
	// Truncated: not all results of the call are here; Link, which is empty else, has them all.
	Truncated bool   `json:"truncated,omitempty"`
	Link      string `json:"link,omitempty"`
}

// What bounds the blocks of queues, in bytes of the transactions as they are written.
const (
	// BlockBytesMax bounds a block (seed 002: the transaction buffer).
	BlockBytesMax = 64 << 10
	// TransactionResultsMax bounds the results in one transaction; those beyond are cut off.
	TransactionResultsMax = 48 << 10
	// QueuedBytesMax bounds a transaction as it lies in a queue.
	QueuedBytesMax = 60 << 10
)

// TransactionOf is the transaction that an event becomes, with the type that its record says. It has no id before it is in a queue.
func TransactionOf(kind string, e *parleyv1.ResultEvent) (*Transaction, error) {
	t := &Transaction{Type: kind, Sequence: SequenceOf(e)}
	switch {
	case e.GetCall() != nil:
		c := CallResourceOf(e)
		t.Call, t.Timestamp = &c, c.CompletedAt
	case e.GetConversation() != nil:
		c := ConversationResourceOf(e)
		t.Conversation, t.Timestamp = &c, c.CompletedAt
	default:
		return nil, fmt.Errorf("event %s is neither a call nor a conversation", t.Sequence)
	}
	return t, nil
}

// Cut leaves out the results beyond TransactionResultsMax bytes, as size has them, and says so. The counts stay.
func (t *Transaction) Cut(size func(ResultResource) int) {
	if t.Call == nil {
		return
	}
	total := 0
	for i, r := range t.Call.Results {
		if total += size(r); total > TransactionResultsMax {
			t.keep(i)
			return
		}
	}
}

// keep leaves out all results but the first n, and says so.
func (t *Transaction) keep(n int) {
	t.Call.Results = t.Call.Results[:n]
	t.Truncated, t.Link = true, "/v1/requests/"+url.PathEscape(t.Call.RequestID)
}

// TransactionBlock is what one dequeue returns, for those who read it.
type TransactionBlock struct {
	Count int `json:"count"`
	// LastTransactionID is what the next dequeue acknowledges: that of the last transaction, or what was given when there
	// is none.
	LastTransactionID int64 `json:"lastTransactionId"`
	// Transactions are in the form of Transaction.
	Transactions []jsontext.Value `json:"transactions"`
}

// Dequeue is the body of POST /v1/subscribers/{subscriberId}/dequeue.
type Dequeue struct {
	// BlockCount is how many transactions are wanted at the most.
	BlockCount int `json:"blockCount"`
	// TransactionID is the last one that was dealt with; zero: none is acknowledged.
	TransactionID int64 `json:"transactionId,omitzero"`
}

// DecodeDequeue reads a dequeue in its JSON form, strictly.
func DecodeDequeue(b []byte) (*Dequeue, *Problem) {
	var d struct {
		BlockCount    *int  `json:"blockCount"`
		TransactionID int64 `json:"transactionId"`
	}
	if p := decodeCommand(b, &d, "a dequeue"); p != nil {
		return nil, p
	}
	switch {
	case d.BlockCount == nil:
		return nil, problem(BlockCountOutOfRange, "/blockCount", "say how many transactions are wanted: 0 to %d", BlockCountMax)
	case *d.BlockCount < 0 || *d.BlockCount > BlockCountMax:
		return nil, problem(BlockCountOutOfRange, "/blockCount", "0 to %d, not %d", BlockCountMax, *d.BlockCount)
	case d.TransactionID < 0:
		return nil, problem(InvalidParameter, "/transactionId", "the last transaction that was dealt with, or 0, not %d", d.TransactionID)
	}
	return &Dequeue{BlockCount: *d.BlockCount, TransactionID: d.TransactionID}, nil
}

// DequeueQuery asks the queue of a subscriber for a block.
type DequeueQuery struct {
	Account    string
	Subscriber SubscriberID
	// Acknowledge is the last transaction that was dealt with; zero: none. One that was never handed out stands for the
	// last that was.
	Acknowledge int64
	// CountMax and BytesMax bound the block; with CountMax zero there is none. A transaction longer than BytesMax comes alone.
	// Large lets a block have more than the subscriber's MaxBlockCount.
	CountMax, BytesMax int
	Large              bool
	// Append writes a transaction with its id behind what there is: QueuedTransaction.AppendJSON, or another form.
	Append func(q QueuedTransaction, to []byte, id int64) ([]byte, error)
}

// Block is the answer.
type Block struct {
	// LastTransactionID is that of the last transaction; zero: there is none.
	LastTransactionID int64
	// Transactions are as Append has written them.
	Transactions [][]byte
}

// AppendJSON appends the block in its JSON form, after a dequeue that acknowledged an id: see TransactionBlock.
func (b Block) AppendJSON(to []byte, acknowledged int64) []byte {
	room := jsonRoom
	for _, t := range b.Transactions {
		room += len(t) + 1
	}
	j := jsonText{b: slices.Grow(to, room)}
	j.number(`{"count":`, int64(len(b.Transactions)))
	j.number(`,"lastTransactionId":`, cmp.Or(b.LastTransactionID, acknowledged))
	j.raw(`,"transactions":[`)
	for i, t := range b.Transactions {
		if i > 0 {
			j.raw(`,`)
		}
		j.b = append(j.b, t...)
	}
	j.raw(`]}`)
	return j.b
}
