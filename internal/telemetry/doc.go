// Package telemetry is what all roles need to be followed from outside: traces (OpenTelemetry), and the attributes that
// the log lines of one request share.
//
// A trace travels with a call: from the HTTP headers or the headers of its Kafka record (W3C Trace Context) into the call
// itself, where it lasts as long as the call does, to the backend that carries it out. That holds whether spans are made
// or not. They are when the environment asks for them (Asked): then Open returns who makes them, and its Tracer goes into
// the configuration of the roles. A nil trace.Tracer means that none are made; nothing is spent on them then.
package telemetry
