// Package backend is the demo backend: the system on the far side of the http executor, small enough to read
// and honest enough to test against. It keeps objects by account, type and key, answers a repeated
// Idempotency-Key with the first outcome, and logs in order what it executed.
//
//	POST /calls                        a call, or a batch, as the http executor sends it
//	GET  /objects?account=&type=&after=&limit=     the objects, in order of type and key
//	GET  /objects/{type}/{key}?account=
//	GET  /executions?after=&limit=     what came in, oldest first: executed, failed, deferred, repeated
//
// An object's key is its customerKey, else subscriberKey, partnerKey, id, objectId; without any it is the
// request id with the ordinal of the object, so that it meets no other. Create of what is there is the Error
// AlreadyExists, Update (which merges properties) and Delete of what is not there NotFound; Perform counts.
//
// A call says by itself how the backend shall behave, in the property _backend of its objects, see Behavior.
//
// With Config.Journal it forgets nothing: what it executed is in the file before it answers, and is executed
// again, in the same order, when it starts. It checks no credentials and no contents.
package backend
