package ess

import (
	"math"
	"strconv"
	"time"

	"parley/schemas"
)

// AnswerInfo is what the body of an answer to getSubscriberInfo holds, of a subscriber with its queue.
func (o Operation) AnswerInfo(s schemas.SubscriberResource) string {
	q := s.Queue
	return o.wrap("<enqueueEnabled>1</enqueueEnabled>" +
		"<enqueueCount>" + integer(q.Last) + "</enqueueCount>" +
		stamp("enqueueCountResetTime", &s.CreatedAt) +
		stamp("enqueueEnabledTime", &s.CreatedAt) +
		"<fullThreshold>" + integer(s.FullDepth) + "</fullThreshold>" +
		stamp("lastDequeueTime", q.LastDequeuedAt) +
		stamp("lastEnqueueTime", q.LastQueuedAt) +
		"<dequeueBlockCount>" + strconv.Itoa(s.MaxBlockCount) + "</dequeueBlockCount>" +
		"<queueDepth>" + integer(q.Depth) + "</queueDepth>" +
		"<warnThreshold>" + integer(s.WarnDepth) + "</warnThreshold>")
}

// integer is a number as xsd:int can have it: the greatest where it cannot.
func integer(n int64) string { return strconv.FormatInt(min(n, math.MaxInt32), 10) }

// stamp is a time as the original shows it, or nil.
func stamp(name string, t *time.Time) string {
	if t == nil {
		return "<" + name + ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>`
	}
	return "<" + name + ">" + t.UTC().Format("2006-01-02T15:04:05.000Z") + "</" + name + ">"
}
