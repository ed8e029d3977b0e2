// Package httppost tells receivers by POST (ResponseType HTTPPost): the JSON document of a notification, or the form of the original
// service when a call by SOAP has named the receiver, signed as Standard Webhooks has it with every good secret of the account, to an address that a caller has named and that package egress lets
// it reach. What the answer means:
//
//	2xx                  taken
//	410                  refused, and the target is disabled: no callback of the account goes there until it is enabled
//	all else, none       again, after Retry-After if there is one; redirects are not followed
//	a URL that leads     refused: the text of the URL alone says it
//	nowhere public
//	a name that does     again: DNS may say something else the next time
//
// Of an answer only its status and Retry-After are used, and nothing else is told: an answer that callers could read
// would make Parley their eyes in networks that it may reach.
package httppost
