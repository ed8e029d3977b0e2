package schemas

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// SubscriberID names a subscriber among those of all accounts: seed 002 has it from 0 to 999999999. It is given once.
type SubscriberID int32

// SubscriberIDMax is the last one.
const SubscriberIDMax SubscriberID = 999_999_999

// String is its decimal form.
func (id SubscriberID) String() string { return strconv.Itoa(int(id)) }

// ParseSubscriberID reads what String has written, and takes no other form.
func ParseSubscriberID(text string) (SubscriberID, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	id := SubscriberID(n)
	if err != nil || id < 0 || id > SubscriberIDMax || id.String() != text {
		return 0, fmt.Errorf("%.40q is no subscriber: it is a number from 0 to %d", text, SubscriberIDMax)
	}
	return id, nil
}

// Subscriber is what a subscriber wants: the body of POST /v1/subscribers.
type Subscriber struct {
	// Name is for people.
	Name string `json:"name"`
	// TransactionTypes are those of TransactionTypes that come to the queue, at least one.
	TransactionTypes []string `json:"transactionTypes"`
	// ObjectTypes narrow the calls down to those with an object of such a type; conversations have none, and come as
	// TransactionTypes say. Empty: calls with any objects.
	ObjectTypes []string `json:"objectTypes,omitzero"`
	// MaxBlockCount bounds the transactions that one dequeue returns, whatever it asks for. Zero: BlockCountMax.
	MaxBlockCount int `json:"maxBlockCount,omitzero"`
	// WarnDepth and FullDepth are how many transactions may wait before operators are warned, and before they are alarmed.
	// Nothing is ever dropped. Zero: DefaultWarnDepth and DefaultFullDepth.
	WarnDepth int64 `json:"warnDepth,omitzero"`
	FullDepth int64 `json:"fullDepth,omitzero"`
}

// TransactionTypes are the types of events that can be subscribed to.
func TransactionTypes() []string {
	return []string{EventCallCompleted, EventCallFailed, EventConversationCompleted, EventConversationFailed}
}

const (
	// BlockCountMax bounds the transactions of a block (seed 002).
	BlockCountMax = 999
	// DefaultWarnDepth and DefaultFullDepth are the thresholds of a subscriber that names none.
	DefaultWarnDepth = 100_000
	DefaultFullDepth = 1_000_000

	subscriberNameMax  = 200
	subscriberTypesMax = 100
	objectTypeBytesMax = 4000
	// depthMax is what getSubscriberInfo can say of a threshold: an xsd:int.
	depthMax = 1<<31 - 1
)

// DecodeSubscriber reads a subscriber in its JSON form, strictly, and fills in what has a default.
func DecodeSubscriber(b []byte) (*Subscriber, *Problem) {
	s := new(Subscriber)
	if p := decodeCommand(b, s, "a subscriber"); p != nil {
		return nil, p
	}
	s.MaxBlockCount = cmp.Or(s.MaxBlockCount, BlockCountMax)
	s.WarnDepth = cmp.Or(s.WarnDepth, min(DefaultWarnDepth, cmp.Or(s.FullDepth, DefaultWarnDepth)))
	s.FullDepth = cmp.Or(s.FullDepth, max(DefaultFullDepth, s.WarnDepth))
	if p := s.Check(); p != nil {
		return nil, p
	}
	return s, nil
}

// Check reports what is wrong with a subscriber that has its defaults; nil: nothing.
func (s *Subscriber) Check() *Problem {
	if n := utf8.RuneCountInString(s.Name); n < 1 || n > subscriberNameMax {
		return problem(InvalidParameter, "/name", "a name has 1 to %d characters; this has %d", subscriberNameMax, n)
	}
	if len(s.TransactionTypes) == 0 {
		return problem(InvalidParameter, "/transactionTypes", "name what is to come to the queue, of %s", strings.Join(TransactionTypes(), ", "))
	}
	for i, t := range s.TransactionTypes {
		if !slices.Contains(TransactionTypes(), t) {
			return problem(InvalidParameter, fmt.Sprintf("/transactionTypes/%d", i), "%.100q is no transaction type; there are %s", t, strings.Join(TransactionTypes(), ", "))
		}
		if slices.Contains(s.TransactionTypes[:i], t) {
			return problem(InvalidParameter, fmt.Sprintf("/transactionTypes/%d", i), "%q is named twice", t)
		}
	}
	if len(s.ObjectTypes) > subscriberTypesMax {
		return problem(InvalidParameter, "/objectTypes", "at most %d object types can be named; these are %d", subscriberTypesMax, len(s.ObjectTypes))
	}
	for i, t := range s.ObjectTypes {
		if t == "" || len(t) > objectTypeBytesMax || slices.Contains(s.ObjectTypes[:i], t) {
			return problem(InvalidParameter, fmt.Sprintf("/objectTypes/%d", i), "an object type has 1 to %d bytes, and is named once", objectTypeBytesMax)
		}
	}
	switch {
	case s.MaxBlockCount < 1 || s.MaxBlockCount > BlockCountMax:
		return problem(BlockCountOutOfRange, "/maxBlockCount", "a block has 1 to %d transactions, not %d", BlockCountMax, s.MaxBlockCount)
	case s.WarnDepth < 1 || s.WarnDepth > depthMax:
		return problem(InvalidParameter, "/warnDepth", "from 1 to %d, not %d", depthMax, s.WarnDepth)
	case s.FullDepth < s.WarnDepth || s.FullDepth > depthMax:
		return problem(InvalidParameter, "/fullDepth", "from the %d of warnDepth to %d, not %d", s.WarnDepth, depthMax, s.FullDepth)
	}
	return nil
}

// SubscriberResource is a subscriber as it is shown.
type SubscriberResource struct {
	SubscriberID     SubscriberID `json:"subscriberId"`
	Account          string       `json:"account"`
	Name             string       `json:"name"`
	TransactionTypes []string     `json:"transactionTypes"`
	ObjectTypes      []string     `json:"objectTypes"`
	MaxBlockCount    int          `json:"maxBlockCount"`
	WarnDepth        int64        `json:"warnDepth"`
	FullDepth        int64        `json:"fullDepth"`
	CreatedAt        time.Time    `json:"createdAt"`
	// Queue is how its queue stands; nil in lists, where nobody has looked.
	Queue *QueueResource `json:"queue,omitempty"`
}

// QueueResource is how the queue of a subscriber stands.
type QueueResource struct {
	// Depth counts the transactions that are not acknowledged. Exact is false when there are so many that they were not
	// all looked at: then Depth is what it may be at the most.
	Depth int64 `json:"depth"`
	Exact bool  `json:"exact"`
	// OldestAt is when the first of them was put there; nil: there is none.
	OldestAt *time.Time `json:"oldestAt"`
	// Acknowledged is the last transaction id that was acknowledged, HandedOut the last that was handed out; 0: none.
	Acknowledged int64 `json:"acknowledgedTransactionId"`
	HandedOut    int64 `json:"handedOutTransactionId"`
	// Last is not below the id of any transaction that there was so far.
	Last int64 `json:"lastTransactionId"`
	// LastQueuedAt is when the last transaction that was looked at was put there, LastDequeuedAt when a dequeue last changed
	// Acknowledged or HandedOut; nil: nobody knows, or it was never.
	LastQueuedAt   *time.Time `json:"lastQueuedAt"`
	LastDequeuedAt *time.Time `json:"lastDequeuedAt"`
}
