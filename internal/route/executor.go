package route

import (
	"net/url"
	"regexp"
	"time"
)

// Executor is what carries calls out.
type Executor struct {
	// Type is HTTP or Kafka.
	Type string
	// URL of an HTTP executor is absolute, http or https.
	URL string
	// Topic of a Kafka executor is where its requests are written, in the transaction of the state.
	Topic string
	// ReplyTopic of a Kafka executor is where answers to its requests are read; a call is deferred until its own
	// comes. Empty: the call is done when its request is written.
	ReplyTopic string
	// Timeout bounds one request to an HTTP executor, from the dial to the end of the answer. Default: 10 s. Writing
	// to Kafka takes no time of its own; an answer from there is bounded by DeferTimeout.
	Timeout time.Duration
}

// Types of executors.
const (
	HTTP  = "http"
	Kafka = "kafka"
)

// topic is what Kafka takes as the name of a topic.
var topic = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

func (p place) executor(e executorEntry) Executor {
	x := Executor{Type: e.Type, Timeout: p.within(e.Timeout.at, defaultTimeout, timeoutMax, "executor", "timeout")}
	switch e.Type {
	case HTTP:
		x.URL = p.url(e.URL.at)
		p.foreign(e.Topic.at, "topic", HTTP)
		p.foreign(e.ReplyTopic.at, "replyTopic", HTTP)
	case Kafka:
		x.Topic, x.ReplyTopic = p.topics(e)
		p.foreign(e.URL.at, "url", Kafka)
	case "":
		p.refuse([]string{"executor", "type"}, `an executor has a type: "http" or "kafka"`)
	default:
		p.refuse([]string{"executor", "type"}, `this version has the executors "http" and "kafka", not %q`, e.Type)
	}
	return x
}

func (p place) url(s *string) string {
	if s == nil {
		p.refuse([]string{"executor", "url"}, "an http executor has an absolute http or https URL, as http://127.0.0.1:9090/calls")
		return ""
	}
	u, err := url.Parse(*s)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		p.refuse([]string{"executor", "url"}, "an absolute http or https URL, as http://127.0.0.1:9090/calls, not %q", *s)
	}
	return *s
}

func (p place) topics(e executorEntry) (requests, replies string) {
	if e.Topic.at == nil {
		p.refuse([]string{"executor", "topic"}, "a kafka executor has a topic that its requests are written to")
		return "", ""
	}
	requests = p.topic(*e.Topic.at, "topic")
	if e.ReplyTopic.at == nil {
		return requests, ""
	}
	if replies = p.topic(*e.ReplyTopic.at, "replyTopic"); replies == requests {
		p.refuse([]string{"executor", "replyTopic"}, "answers would be among the requests in %q; name another topic", replies)
	}
	return requests, replies
}

func (p place) topic(s, member string) string {
	if !topic.MatchString(s) || s == "." || s == ".." {
		p.refuse([]string{"executor", member}, "a topic is named with 1 to 249 of A-Z a-z 0-9 . _ -, not %q", s)
	}
	return s
}

// foreign refuses a member that an executor of that type makes nothing of.
func (p place) foreign(s *string, member, executor string) {
	if s != nil {
		p.refuse([]string{"executor", member}, "means nothing to an executor of type %q; leave it out", executor)
	}
}
