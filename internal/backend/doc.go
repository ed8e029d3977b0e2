// Package backend is the demo backend: the system on the far side of the http executor, small enough to read
// and honest enough to test against. It keeps objects by account, type and key, answers a repeated
// Idempotency-Key with the first outcome, and logs in order what it executed.
//
//	POST /calls                        a call, or a batch, as the http executor sends it
//	GET  /objects?account=&type=&after=&limit=     the objects, in order of type and key
//	GET  /objects/{type}/{key}?account=
//	GET  /executions?after=&limit=     what came in, oldest first: executed, failed, deferred, fenced, repeated
//
// An object's key is its customerKey, else subscriberKey, partnerKey, id, objectId; without any it is the
// request id with the ordinal of the object, so that it meets no other. Create of what is there is the Error
// AlreadyExists, Update (which merges properties) and Delete of what is not there NotFound; Perform counts.
//
// A call says by itself how the backend shall behave, in the property _backend of its objects, see Behavior:
//
//	{"delayMs": 200}                               be slow
//	{"lingerMs": 200}                              be quick, but slow to answer
//	{"failTimes": 3, "retryAfter": 1}              be away for three attempts, and say for how long
//	{"defer": "late", "answerAfterMs": 500}        answer 202, execute half a second later, and then say how it went
//	{"defer": "early"}                             execute and say how it went before the 202
//	{"defer": "twice"}                             as late, and say it a second time
//	{"defer": "never"}                             answer 202, and leave it to whoever holds the token
//
// A deferred call is answered with POST {Config.AnswerTo}/v1/deferred/{token}, for which the token is taken from the
// header Parley-Deferred-Token, or in a batch from the call's deferredToken. What has not been answered when the
// backend ends, it never answers.
//
// An attempt whose Parley-Fence (in a batch: the call's fence) is lower than one that came before for the same
// conversation comes from an owner that has been replaced: it is answered 409 StaleFence and not executed.
//
// With Config.Journal it forgets nothing: what it executed is in the file before it answers, and is executed
// again, in the same order, when it starts. It checks no credentials and no contents.
package backend
