package schemas

import (
	"time"
	"unicode/utf8"
)

// RoutesResource is what GET /v1/routes answers: the table in force, of which the first route that matches takes a call.
type RoutesResource struct {
	Routes []RouteResource `json:"routes"`
}

// RouteResource is a route as it is configured, with what is known of it. Durations are written as in the file of
// routes; secrets in URLs are not shown.
type RouteResource struct {
	Name       string        `json:"name"`
	Match      RouteMatch    `json:"match"`
	Executor   RouteExecutor `json:"executor"`
	Delivery   string        `json:"delivery"`
	Idempotent bool          `json:"idempotent"`
	// Concurrency and RateLimit (calls per second; 0: none) are those of each process.
	Concurrency  int         `json:"concurrency"`
	RateLimit    float64     `json:"rateLimit"`
	Retry        RouteRetry  `json:"retry"`
	DeferTimeout string      `json:"deferTimeout"`
	Batch        *RouteBatch `json:"batch,omitempty"`
	// Maintenance is nil while calls are carried out.
	Maintenance *MaintenanceResource `json:"maintenance"`
	// Load is nil when the process that answers does not carry calls out.
	Load *RouteLoad `json:"load,omitempty"`
}

// RouteMatch is what a route takes; "*" is everything.
type RouteMatch struct {
	Account    string `json:"account"`
	Method     string `json:"method"`
	ObjectType string `json:"objectType"`
}

// RouteExecutor is what carries the calls of a route out: URL and Timeout of "http" and "smtp", Topic and ReplyTopic of "kafka", From,
// ReplyTo and AwaitReply of "smtp".
type RouteExecutor struct {
	Type       string `json:"type"`
	URL        string `json:"url,omitempty"`
	Timeout    string `json:"timeout,omitempty"`
	Topic      string `json:"topic,omitempty"`
	ReplyTopic string `json:"replyTopic,omitempty"`
	From       string `json:"from,omitempty"`
	ReplyTo    string `json:"replyTo,omitempty"`
	AwaitReply bool   `json:"awaitReply,omitempty"`
}

// RouteRetry is when a transient failure is tried again.
type RouteRetry struct {
	Initial     string `json:"initial"`
	Max         string `json:"max"`
	MaxAttempts int    `json:"maxAttempts"`
}

// RouteBatch is how many calls go in one request.
type RouteBatch struct {
	Max    int    `json:"max"`
	Linger string `json:"linger"`
}

// RouteLoad is how a route does in one process.
type RouteLoad struct {
	Circuit Circuit `json:"circuit"`
	// Waiting counts the conversations that are ready and wait for the route, Executing the calls that are at its
	// executor.
	Waiting   int `json:"waiting"`
	Executing int `json:"executing"`
}

// Circuit is whether a process sends calls to a route: Open after it kept failing, HalfOpen while it is tried.
type Circuit string

// The states of a circuit.
const (
	CircuitClosed   Circuit = "closed"
	CircuitOpen     Circuit = "open"
	CircuitHalfOpen Circuit = "half-open"
)

// MaintenanceResource is the maintenance of a route: its calls wait.
type MaintenanceResource struct {
	Route  string    `json:"route"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	Since  time.Time `json:"since"`
	// Until is when it ends by itself; nil: when it is ended.
	Until *time.Time `json:"until"`
}

// Maintenance is the body of PUT /v1/routes/{name}/maintenance.
type Maintenance struct {
	Reason string `json:"reason"`
	// Until is zero when it is to last until it is ended.
	Until time.Time `json:"until,omitzero"`
}

// MaintenanceBytesMax bounds the body, MaintenanceReasonMax the characters of its reason.
const (
	MaintenanceBytesMax  = 16 << 10
	MaintenanceReasonMax = 500
)

// DecodeMaintenance reads a maintenance in its JSON form, strictly. Whether its end is still ahead is for others to say.
func DecodeMaintenance(b []byte) (*Maintenance, *Problem) {
	if len(b) > MaintenanceBytesMax {
		return nil, problem(TooLarge, "", "a maintenance has at most %d bytes, this one has %d", MaintenanceBytesMax, len(b))
	}
	m := new(Maintenance)
	if p := decodeObject(b, m, "a maintenance"); p != nil {
		return nil, p
	}
	if n := utf8.RuneCountInString(m.Reason); n < 1 || n > MaintenanceReasonMax {
		return nil, problem(InvalidBody, "/reason", "say in 1 to %d characters why the route is in maintenance; this has %d", MaintenanceReasonMax, n)
	}
	return m, nil
}
