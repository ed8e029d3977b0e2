// Package route says which executor takes which calls, and within which limits. A Table is read once, from YAML,
// and never changes; it is safe for concurrent use.
//
//	routes:
//	  - name: crm
//	    match: {account: "*", method: "*", objectType: DataExtensionObject}
//	    executor: {type: http, url: "http://127.0.0.1:9090/calls", timeout: 10s}
//	    retry: {initial: 200ms, max: 30s}
package route

import "time"

// Route is where the calls that match it are carried out.
type Route struct {
	// Name is [A-Za-z0-9._-]{1,64}, unique in its table.
	Name     string
	Match    Match
	Executor Executor
	// Idempotent says that the backend answers a repeated Idempotency-Key with the first outcome. Default: false.
	Idempotent bool
	// Concurrency bounds the calls that one process has at the executor at once. Default: 256.
	Concurrency int
	Retry       Retry
}

// Match selects calls. Each field is one value, or "*" for all, which is the default.
type Match struct {
	Account    string
	Method     string
	ObjectType string
}

// All matches every value of a field of Match.
const All = "*"

// Executor is an HTTP backend.
type Executor struct {
	// URL is absolute, http or https.
	URL string
	// Timeout bounds one request, from the dial to the end of the answer. Default: 10 s.
	Timeout time.Duration
}

// Retry says when a transient failure is tried again: after Initial, then twice as long each time, at most Max.
type Retry struct {
	// Initial is 200 ms by default.
	Initial time.Duration
	// Max is 30 s by default; not less than Initial.
	Max time.Duration
	// MaxAttempts bounds the requests made for one call. 0, the default: until the backend answers.
	MaxAttempts int
}

func (m Match) takes(account, method, objectType string) bool {
	return one(m.Account, account) && one(m.Method, method) && one(m.ObjectType, objectType)
}

// covers reports whether m takes everything that other takes.
func (m Match) covers(other Match) bool {
	return m.takes(other.Account, other.Method, other.ObjectType)
}

func one(want, got string) bool { return want == All || want == got }
