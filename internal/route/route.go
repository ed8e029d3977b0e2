// Package route says which executor takes which calls, and within which limits. A Table is read once, from YAML,
// and never changes; Current is the one in force, which may be replaced. Both are safe for concurrent use.
//
//	routes:
//	  - name: crm
//	    match: {account: "*", method: "*", objectType: DataExtensionObject}
//	    executor: {type: http, url: "http://127.0.0.1:9090/calls", timeout: 10s}
//	    delivery: at-least-once
//	    concurrency: 256
//	    retry: {initial: 200ms, max: 30s}
//	  - name: ledger
//	    match: {objectType: Posting}
//	    executor: {type: kafka, topic: postings, replyTopic: postings-done}
//	  - name: mail
//	    match: {objectType: TriggeredSend}
//	    executor: {type: smtp, url: "smtp://user:password@mail.example.com:587", from: "Orders <orders@example.com>"}
package route

import "time"

// Route is where the calls that match it are carried out. Two that compare equal are configured alike.
type Route struct {
	// Name is [A-Za-z0-9._-]{1,64}, unique in its table.
	Name     string
	Match    Match
	Executor Executor
	// Delivery is AtLeastOnce by default; ExactlyOnce if, and only if, the executor is Kafka; always AtMostOnce if it is SMTP.
	Delivery Delivery
	// Idempotent says that the backend answers a repeated Idempotency-Key with the first outcome. Default: false;
	// true on AtLeastOnce alone, because nothing else is repeated.
	Idempotent bool
	// Concurrency bounds the calls that one process has at the executor at once. Default: 256.
	Concurrency int
	// RateLimit bounds the calls that one process begins a second. 0, the default: none.
	RateLimit float64
	Retry     Retry
	// DeferTimeout is how long an answer is waited for after an executor has deferred it. Default: 24 h.
	DeferTimeout time.Duration
	Batch        Batch
}

// Match selects calls. Each field is one value, or "*" for all, which is the default.
type Match struct {
	Account    string
	Method     string
	ObjectType string
}

// All matches every value of a field of Match.
const All = "*"

// Retry says when a transient failure is tried again: after Initial, then twice as long each time, at most Max.
type Retry struct {
	// Initial is 200 ms by default.
	Initial time.Duration
	// Max is 30 s by default; not less than Initial.
	Max time.Duration
	// MaxAttempts bounds the requests made for one call. 0, the default: until the backend answers.
	MaxAttempts int
}

// Batch says how many calls go in one request to an HTTP executor.
type Batch struct {
	// Max bounds the calls of one request. 0, the default, or 1: each call is a request of its own.
	Max int
	// Linger is how long a request that has room waits for more calls. Default: 5 ms with Max above 1, else 0.
	Linger time.Duration
}

func (m Match) takes(account, method, objectType string) bool {
	return one(m.Account, account) && one(m.Method, method) && one(m.ObjectType, objectType)
}

// covers reports whether m takes everything that other takes.
func (m Match) covers(other Match) bool {
	return m.takes(other.Account, other.Method, other.ObjectType)
}

func one(want, got string) bool { return want == All || want == got }
