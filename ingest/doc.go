// Package ingest is the HTTP face of Parley. It takes calls, writes them to the log, and acknowledges them once the
// log has them; it answers polls from those who know.
//
//	POST /v1/calls                 one call, an array, or NDJSON → records on parley.calls → 202
//	GET  /v1/requests/{id}         status of a call: live state first, then the record
//	GET  /v1/conversations/{id}    status of a conversation, in the same way
//	DELETE /v1/conversations/{id}, POST /v1/conversations/{id}/resubmit, /v1/resubmit, /v1/deferred/{token}
//	                               commands: records on parley.calls, answered when their owner has applied them
//	GET  /healthz /readyz /metrics /openapi.yaml /docs
//
// A call is checked as far as it can be checked alone. What the state of its conversation decides is decided by the
// processor, which this package knows only as Live. Nothing is acknowledged that the brokers have not, and
// nothing is kept here: a process that dies has lost no acknowledged call.
//
// A Server may be shared. echo stays within this package.
package ingest
