// Package notify is what the processor and those who tell its callers agree on: a Notification, the Sender that makes one
// attempt to tell it, and the Verdict that the attempt ends with. What is told, to whom and when again is decided by the
// processor; how a receiver is reached is decided below this package, by a sender for each type of response.
package notify
