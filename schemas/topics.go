package schemas

import "strings"

// Topics are the names of Parley's topics; all share one prefix.
type Topics struct {
	// Calls is the queue and the source of truth, keyed by RecordKey.
	Calls string
	// State is the compacted changelog of the processor's store, partitioned as Calls.
	State string
	// Results holds a ResultEvent per record.
	Results string
	// Dead holds the records that nothing could be made of, as they came.
	Dead string
	// Control is compacted, has one partition, and holds what all processes must agree on.
	Control string
	// Inboxes begins the names of the topics that tenants write to, see Inbox.
	Inboxes string
	// Subscribers begins the names of the topics that are the queues of subscribers, a number each.
	Subscribers string
}

// TopicsOf returns the topics with a prefix, by default "parley".
func TopicsOf(prefix string) Topics {
	return Topics{
		Calls:       prefix + ".calls",
		State:       prefix + ".state",
		Results:     prefix + ".results",
		Dead:        prefix + ".dead",
		Control:     prefix + ".control",
		Inboxes:     prefix + ".in.",
		Subscribers: prefix + ".subscriber.",
	}
}

// Own are the names of the topics without which Parley does not run.
func (t Topics) Own() []string { return []string{t.Calls, t.State, t.Results, t.Dead, t.Control} }

// IsSubscriber reports whether a topic is the queue of a subscriber.
func (t Topics) IsSubscriber(topic string) bool { return strings.HasPrefix(topic, t.Subscribers) }

// Subscriber is the topic that is the queue of a subscriber.
func (t Topics) Subscriber(id SubscriberID) string { return t.Subscribers + id.String() }

// Inbox is the topic of an account, which is for its own calls alone.
func (t Topics) Inbox(account string) string { return t.Inboxes + account }

// InboxOf returns the account whose topic this is. false: it is nobody's.
func (t Topics) InboxOf(topic string) (account string, ok bool) {
	account, ok = strings.CutPrefix(topic, t.Inboxes)
	return account, ok && ValidAccount(account)
}

// Record headers.
const (
	HeaderType        = "type"
	HeaderContentType = "content-type"
	// HeaderAccount is whose event it is. On an answer it says that whoever sent it may answer calls of this account alone.
	HeaderAccount = "account"
	// HeaderPartition is the partition of parley.calls whose owner wrote an event.
	HeaderPartition = "partition"

	// HeaderRefusedCode and HeaderRefusedDetail are those of a call that was refused before it came to parley.calls: it
	// gets a Rejected result with them.
	HeaderRefusedCode   = "refused-code"
	HeaderRefusedDetail = "refused-detail"
	// HeaderContinues is that of a resubmitted call: the conversation that it comes from.
	HeaderContinues = "continues"
	// HeaderDeferredToken names the call that a request carries out, and that a reply answers.
	HeaderDeferredToken = "parley-deferred-token"

	// HeaderTraceparent and HeaderTracestate name the trace that a record belongs to (W3C Trace Context).
	HeaderTraceparent = "traceparent"
	HeaderTracestate  = "tracestate"

	HeaderErrorCode       = "error-code"
	HeaderErrorDetail     = "error-detail"
	HeaderSourceTopic     = "source-topic"
	HeaderSourcePartition = "source-partition"
	HeaderSourceOffset    = "source-offset"
)

// Values of HeaderType on parley.calls. Without the header a record is a call.
const (
	RecordCall = "call"
	// RecordTick carries no value: its append time proves that everything before it was read.
	RecordTick = "tick"
	// RecordAnswer is a late answer to a deferred call: Answer with its token.
	RecordAnswer = "answer"
	// RecordCancel asks to cancel a conversation: Cancel.
	RecordCancel = "cancel"
	// RecordErase asks to erase what a partition holds of a person: Erase.
	RecordErase = "erase"
	// RecordResubmit asks to run the unfinished parts of a failed conversation again: Resubmit.
	RecordResubmit = "resubmit"
)

// Values of HeaderType on parley.results, also the types of callbacks and transactions.
const (
	EventCallCompleted         = "call.completed"
	EventCallFailed            = "call.failed"
	EventConversationCompleted = "conversation.completed"
	EventConversationFailed    = "conversation.failed"
	// EventConversationContinued says that a conversation which failed was resubmitted: it has ended before.
	EventConversationContinued = "conversation.continued"
	// EventDeliveryCompleted and EventDeliveryFailed say what came of telling a receiver of one of these. They are events of
	// the log alone: nobody is called back about them.
	EventDeliveryCompleted = "delivery.completed"
	EventDeliveryFailed    = "delivery.failed"
)

// Values of HeaderContentType.
const (
	ContentJSON     = "application/json"
	ContentProtobuf = "application/x-protobuf"
)

// ContentForm is the content type of a callback that whom a call by SOAP has named is sent.
const ContentForm = "application/x-www-form-urlencoded"
